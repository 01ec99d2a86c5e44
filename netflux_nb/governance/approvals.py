"""The policy that asks a person before a Function marked `needs_approval` may run."""

from __future__ import annotations

from ..core.errors import RejectedError
from ..core.policy import Admit, Hold, Moment, Refuse, Verdict, WaitingOn
from ..core.question_ids import called


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
        node = moment.node
        if not node.fn.needs_approval:
            return None
        question = WaitingOn(
            "approval", f"{called(node.fn.name, node.inputs)} needs a person's approval"
        )
        answer = moment.answers.to(question)
        if answer is None:
            return Hold(question)
        if answer.value is True:
            return None
        why = f": {answer.reason}" if answer.reason else ""
        return Refuse(
            RejectedError(f"{node.fn.name}() was rejected by {answer.who}{why}. It did not run.")
        )
