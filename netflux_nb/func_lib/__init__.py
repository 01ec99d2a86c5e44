"""Functions that agents need every day, one file each. All can be imported from here.

`apply_diff`, `raise_exception`, `text_editor` and `view_image` are Functions here, and files
as well: `from netflux_nb.func_lib.text_editor import TextEditor` finds the file.

Example:
    >>> from netflux_nb.func_lib import Ensemble, ReadFile, bash, text_editor
    >>> text_editor.name, bash.name
    ('text_editor', 'bash')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.messages import ImageResult

# These four are imported at once: an import of a file puts the file under its name here,
# and only what is put there after it stays.
from .apply_diff import ApplyDiff, ApplyDiffPatch, DiffError, apply_diff, apply_diff_patch
from .raise_exception import raise_exception
from .text_editor import TextEditor, TextEditorException, text_editor
from .view_image import ImageError, ViewImage, view_image

if TYPE_CHECKING:
    from ._patch.writing import RollbackError
    from .ensemble import Ensemble, EnsembleException
    from .fallback import Fallback, FallbackException
    from .files import FilesException, ListDirectory, ReadFile, list_directory, read_file
    from .human import human_in_loop
    from .mcp_func import McpError, McpTool, McpToolError, McpTools, from_mcp
    from .python_func import (
        Python,
        PythonCrashedException,
        PythonException,
        PythonRequiresRestartException,
        PythonTimeoutException,
        python,
    )
    from .query_frames import QueryError, QueryFrames
    from .retry_func import Retry
    from .search import SearchFiles, search_files
    from .shell import (
        Bash,
        BashCommandTimeoutException,
        BashException,
        BashNonZeroExitCodeException,
        BashRequiresRestartException,
        BashSessionCrashedException,
        bash,
    )
    from .status import status_update
    from .think_more import ThinkMore

# Where the others are. They are imported when they are asked for.
_FILES = {
    "Bash": "shell",
    "BashCommandTimeoutException": "shell",
    "BashException": "shell",
    "BashNonZeroExitCodeException": "shell",
    "BashRequiresRestartException": "shell",
    "BashSessionCrashedException": "shell",
    "Ensemble": "ensemble",
    "EnsembleException": "ensemble",
    "Fallback": "fallback",
    "FallbackException": "fallback",
    "FilesException": "files",
    "ListDirectory": "files",
    "McpError": "mcp_func",
    "McpTool": "mcp_func",
    "McpToolError": "mcp_func",
    "McpTools": "mcp_func",
    "Python": "python_func",
    "PythonCrashedException": "python_func",
    "PythonException": "python_func",
    "PythonRequiresRestartException": "python_func",
    "PythonTimeoutException": "python_func",
    "QueryError": "query_frames",
    "QueryFrames": "query_frames",
    "ReadFile": "files",
    "Retry": "retry_func",
    "RollbackError": "_patch.writing",
    "SearchFiles": "search",
    "ThinkMore": "think_more",
    "bash": "shell",
    "from_mcp": "mcp_func",
    "human_in_loop": "human",
    "list_directory": "files",
    "python": "python_func",
    "read_file": "files",
    "search_files": "search",
    "status_update": "status",
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})


__all__ = [
    "ApplyDiff",
    "ApplyDiffPatch",
    "Bash",
    "BashCommandTimeoutException",
    "BashException",
    "BashNonZeroExitCodeException",
    "BashRequiresRestartException",
    "BashSessionCrashedException",
    "DiffError",
    "Ensemble",
    "EnsembleException",
    "Fallback",
    "FallbackException",
    "FilesException",
    "ImageError",
    "ImageResult",
    "ListDirectory",
    "McpError",
    "McpTool",
    "McpToolError",
    "McpTools",
    "Python",
    "PythonCrashedException",
    "PythonException",
    "PythonRequiresRestartException",
    "PythonTimeoutException",
    "QueryError",
    "QueryFrames",
    "ReadFile",
    "Retry",
    "RollbackError",
    "SearchFiles",
    "TextEditor",
    "TextEditorException",
    "ThinkMore",
    "ViewImage",
    "apply_diff",
    "apply_diff_patch",
    "bash",
    "from_mcp",
    "human_in_loop",
    "list_directory",
    "python",
    "raise_exception",
    "read_file",
    "search_files",
    "status_update",
    "text_editor",
    "view_image",
]
