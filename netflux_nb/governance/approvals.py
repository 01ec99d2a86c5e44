"""A person's yes before a Function that is marked `needs_approval` may run."""

from __future__ import annotations

from typing import Any

from ..core.errors import RejectedError
from ..core.policy import Admit, Hold, Moment, Refuse, Verdict, WaitingOn

# A person reads what would run before saying yes; more of it is in the run's view.
ARG_CHARS = 120
CALL_CHARS = 600


class Approvals:
    """Holds marked calls, without a thread, until `node.approve()` or `reject(reason)`.

    It never assumes an answer: where nobody can be asked, the call stays pending.
    """

    moments: frozenset[type] = frozenset({Admit})
    # It has nothing to say of others: they need not ask it.
    only_marked = True

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on a call that is about to start."""
        assert isinstance(moment, Admit)
        node, answer = moment.node, moment.answer
        if not node.fn.needs_approval:
            return None
        if answer is None:
            return Hold(WaitingOn("approval", f"{called(node)} needs a person's approval"))
        if answer.value is True:
            return None
        why = f": {answer.reason}" if answer.reason else ""
        return Refuse(
            RejectedError(f"{node.fn.name}() was rejected by {answer.by}{why}. It did not run.")
        )


def called(node: Any) -> str:
    """Give a call as it would run, on a line: `pay(amount=3)`; long values are cut.

    What is no printable character stands there as its escape: a question must not look other
    than it is.
    """
    words: list[str] = []
    left = CALL_CHARS
    for name, value in node.inputs.items():
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001  a value of the user's may raise anything
            text = f"<{type(value).__name__}>"
        text = text if len(text) <= ARG_CHARS else f"{text[:ARG_CHARS]}…"
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        left -= len(text)
        if left < 0:
            words.append("…")
            break
        words.append(f"{name}={text}")
    return f"{node.fn.name}({', '.join(words)})"
