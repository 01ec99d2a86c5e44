"""The text editor under the name that its module later had."""

from __future__ import annotations

from ._patch.edits import TextEditorException
from .text_editor import TextEditor, text_editor

__all__ = ["TextEditor", "TextEditorException", "text_editor"]
