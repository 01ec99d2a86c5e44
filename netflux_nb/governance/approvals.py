"""A person's yes before a Function that is marked `needs_approval` may run."""

from __future__ import annotations

from ..core.errors import RejectedError
from ..core.policy import Admit, Hold, Moment, Refuse, Verdict, WaitingOn


class Approvals:
    """Holds marked calls, without a thread, until `node.approve()` or `reject(reason)`.

    It never assumes an answer: where nobody can be asked, the call stays pending.
    """

    moments = frozenset({Admit})

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on a call that is about to start."""
        assert isinstance(moment, Admit)
        node, answer = moment.node, moment.answer
        if not node.fn.needs_approval:
            return None
        if answer is None:
            return Hold(WaitingOn("approval", f"{node.fn.name}() needs a person's approval"))
        if answer.value is True:
            return None
        why = f": {answer.reason}" if answer.reason else ""
        return Refuse(
            RejectedError(f"{node.fn.name}() was rejected by {answer.by}{why}. It did not run.")
        )
