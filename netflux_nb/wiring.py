"""The wiring: every slot that a later room fills in an earlier one, on one screen.

A notebook fills the session's (front, place, who answers, what opens) in `jupyter.front.install`.
"""

from __future__ import annotations

from .compare.diff import Diff, Everything
from .core import bill, question_ids
from .core.contracts import declared
from .core.functions import display, kinds
from .core.functions.kinds import Function
from .core.functions.versions import version_of
from .core.views import NodeView
from .providers.prices import Table
from .record.codecs.artifacts import encoded
from .replay.begin import Replayed
from .run import Run, RunNode, handle, history, listing, outboxes, preview
from .runtime import Node, host
from .session import here
from .show import cards, diffs, source, trees, usages
from .show.state_views import audit_table, machine_picture, state_table
from .state import agent_tools, kernel_state
from .state.audit import Audit
from .state.workflows.finished import Finished
from .state.workflows.workflow import WorkflowFunction, pictures
from .studies import map_handle, mapping


class Verbs:
    """The verbs of a Function beside a call."""

    map = staticmethod(map_handle.map_rows)
    preview = staticmethod(preview.preview)
    history = staticmethod(history.history)
    source = staticmethod(source.python_of)


# What the runtime asks of its process; where calls outside any tree run.
host.host.fill(here)
kinds.default_caller.fill(handle.RootCalls())

kinds.version_hash.fill(lambda fn: version_of(fn).digest)
kinds.derived.fill(mapping.derived)
kinds.verbs.fill(Verbs())
# What requests cost; how a value is hashed that JSON cannot say.
bill.prices.fill(Table())
question_ids.encoder.fill(encoded)
# What a Node with a contract runs in; what a contract is compared with.
declared.outermost.fill(kernel_state.draft_of)
declared.tools.fill(agent_tools.tools_of)
declared.check.fill(kernel_state.check_paths)
declared.outboxes.fill(outboxes.OutboxList)
# How a workflow shows its machine.
pictures.fill(machine_picture.picture)

# How a notebook shows what is ours.
display.drawings.fill({
    Function: cards.card,
    preview.Preview: preview.shown,
    map_handle.Mapped: map_handle.map_table,
    history.History: history.shown,
    Run: Run.tree,
    RunNode: RunNode.tree,
    NodeView: trees.tree,
    Node: lambda node: trees.tree(node.view()),
    bill.Bill: usages.bill,
    Diff: diffs.shown,
    Everything: lambda all_of: diffs.shown(all_of.diff, only_changes=False),
    Replayed: diffs.replayed,
    listing.Runs: listing.Runs.table,
    listing.Serving: listing.serving_table,
    kernel_state.State: state_table.state_table,
    Audit: audit_table.audit_table,
    outboxes.OutboxList: outboxes.outbox_table,
    WorkflowFunction: machine_picture.picture,
    Finished: machine_picture.finished,
})  # fmt: skip
