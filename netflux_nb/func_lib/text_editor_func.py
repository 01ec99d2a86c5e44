"""The text editor under the name that its module later had."""

from __future__ import annotations

from .text_editor import TextEditor, TextEditorException, text_editor

__all__ = ["TextEditor", "TextEditorException", "text_editor"]
