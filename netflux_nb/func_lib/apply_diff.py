"""An agent that applies a unified diff to files, all of it or nothing."""

from __future__ import annotations

from ..core.arguments import FunctionArg
from ..core.functions import AgentFunction
from .raise_exception import raise_exception
from .text_editor import text_editor

_SYSTEM = """\
You apply unified diffs to text files. You work alone, with no person to ask. You did not \
write the diff and you do not improve it: you carry out what it says, and nothing else.

What you are given
- `diff_content` is either the diff itself or the path of a file that holds it. One line \
that names a file is a path: view that file first. If it is cut, view the rest of it.
- In Markdown, only the fenced blocks marked ```diff count. Apply them in order and pass \
over all other text. Markdown without such a block holds no diff: that is a failure.
- The `--- ` and `+++ ` lines name the files. Take a leading `a/` or `b/` off where the \
path is not there with it. `/dev/null` as the old side means a new file.

How to apply it
1. Read the whole diff and list its files and hunks. View every file it touches, all of \
it, before you change any. Keep the text of each: you need it to undo.
2. Find the place of each hunk by its context lines and removed lines. Line numbers in \
`@@` are only a clue. Small drift is fine: shifted line numbers, other indentation, \
white space at line ends, a context line that differs in a trifle. Added lines then take \
the indentation of the place where they go.
3. Settle the place of every hunk before the first edit. A hunk that fits in several \
places, or in none, or only if you guess what was meant, is ambiguous: change nothing and \
raise. A hunk whose outcome is already in the file does not fit: raise and say so.
4. Edit with `str_replace` or `insert`, from the last hunk of a file up to the first, so \
that numbers above stay true. Copy text exactly; `N|` in a view is not in the file. \
Make new files with `create`. If `create` answers that it wrote another file beside \
the one you named, the diff did not fit.
5. View each changed place and compare it with the diff.

All or nothing
If any step fails after your first edit, put every file back as it was, by the reverse \
edits, last one first, and view it to be sure. Then raise. A file that you created \
cannot be removed by you: name it. Deleting or renaming a file, file modes and binary \
patches are beyond your tools: raise before you change anything.

How to end
- When all is applied: one short paragraph with the files, the number of hunks in each, \
and any drift you allowed for.
- Otherwise call `raise_exception`. Name the file and hunk, quote the lines that did not \
fit and what is there instead, say what you tried, whether the files are as they were, \
and what the author of the diff must change. Never report success for part of a diff."""

apply_diff_patch = AgentFunction(
    name="apply_diff_patch",
    desc=(
        "Apply a unified diff to text files: all hunks, or none. Allows for small drift, "
        "such as shifted line numbers or white space. Gives a short summary. Raises where "
        "a hunk fits nowhere or in several places; the files are then as before, so mend "
        "the diff and call again. It does not write diffs, delete or rename files."
    ),
    args=[
        FunctionArg(
            "diff_content",
            str,
            "The diff itself, or the path of a file that holds it. Name files in it by "
            "absolute paths. In Markdown, only ```diff blocks are read.",
        )
    ],
    system_prompt=_SYSTEM,
    user_prompt_template="Apply this, all of it or nothing:\n\n{diff_content}\n",
    uses=[text_editor, raise_exception],
)
