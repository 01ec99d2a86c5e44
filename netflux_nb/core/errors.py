"""The exceptions of the package, one tree.

```
NetfluxError
├── UsageError                      a person's or a model's mistake, shown in one or two lines
│   ├── ArgumentError               (ValueError)  a value that does not fit the call
│   ├── FunctionError               (ValueError)  a Function, name or call that is not allowed
│   ├── SignatureError              (TypeError)   a callable or type that does not fit its spec
│   ├── PromptError                 (KeyError)    a placeholder without an argument
│   ├── NoNodeError                 (RuntimeError) a call that needs a running Node, or a live one
│   ├── NoKeyError                  (ValueError)  a provider without a key, or without its package
│   └── StillRunningError           (TimeoutError) a wait that was over before what it waited for
├── PolicyError
│   ├── BudgetError                 a budget that is used up
│   ├── RejectedError               a person said no
│   └── PendingError                a person's answer is needed and cannot be had here
├── RecordError                     the record cannot be written
├── AgentException                  an agent's own decision to fail
├── ModelError                      what a model's endpoint did wrong; may be tried again
├── ModelProviderException          a model could not be used; never the agent's fault
├── MaxAgentLevelExceededException  agents called agents too deeply
├── CancellationException           a signal, not a fault: the work was asked to stop
├── NoParentSessionError            a root has no parent's bag
└── RecordedError                   an exception that was read back from JSON
```
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeVar

from .homes import home_now
from .text.legible import cut
from .text.tracebacks import asked_at, has_own_fault, headline, in_frames

_E = TypeVar("_E", bound=BaseException)


class NetfluxError(Exception):
    """The root of everything that this package raises on purpose.

    IPython shows one that comes from here without our frames: what it says, and the lines of a
    person's own code that led to it. One that a person's code raised keeps its traceback.
    """

    def __getattr__(self, name: str) -> Any:
        # Only where it has one does IPython leave its own way of showing an error.
        if name == "_render_traceback_" and not has_own_fault(self):
            return lambda: in_frames(self)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> Any:
        """Round-trip through pickle without calling `__init__` again."""
        return rebuilt, (type(self), self.args, self.__dict__.copy())


def rebuilt(cls: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    """Make an exception again of what it held. Its `__init__` may want something else."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(NetfluxError):
    """A mistake that its maker can mend. IPython shows it in one or two lines.

    Where a text was read, `column` says where in it the mistake stands.
    """

    column: int | None = None

    def _render_traceback_(self) -> list[str]:
        place = asked_at(self.__traceback__)
        return [headline(self), *([f"  {place}"] if place else [])]


class ArgumentError(UsageError, ValueError):
    """A value that does not fit the call it was given to."""


class FunctionError(UsageError, ValueError):
    """A Function, or a call of one, that is not allowed here."""


class SignatureError(UsageError, TypeError):
    """A callable, or a type, that does not fit its specification."""


class PromptError(UsageError, KeyError):
    """A placeholder in a prompt that names no argument."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NoNodeError(UsageError, RuntimeError):
    """A call that needs a running Node, made where there is none."""


class NoKeyError(UsageError, ValueError):
    """A provider that cannot be asked, for want of a key or of its package."""


class StillRunningError(UsageError, TimeoutError):
    """The time to wait is over, and what was waited for goes on."""


class PolicyError(NetfluxError):
    """A policy did not let a call go on."""


class BudgetError(PolicyError):
    """A budget that cannot carry the next call."""


class RejectedError(PolicyError):
    """A person said no."""


class ContractError(UsageError):
    """A Function touched of the state, or raised, what its contract does not name."""


class ConflictError(NetfluxError):
    """What a Node read or wrote of the state was changed by another meanwhile."""


class OutboxError(NetfluxError):
    """Calls failed that were made because a transaction counts. It counts all the same."""


class AuditError(NetfluxError):
    """A rule of the audit did not hold: nothing that the Node wrote counts."""

    def __init__(self, message: str, level: str = "B") -> None:
        super().__init__(message)
        self.level = level


class InterlockError(AuditError):
    """A rule of level S or A did not hold: the tree stops, or the kernel until a person clears it."""

    def __init__(self, message: str, level: str = "S") -> None:
        super().__init__(message, level)


class PendingError(PolicyError):
    """An answer is needed that cannot be asked for here. The run is kept, and goes on waiting."""

    def __init__(self, message: str, *, run: str = "", node: str = "", question: str = "") -> None:
        super().__init__(message)
        # The run's name in the record, the Node's path in it, and what it asks.
        self.run = run
        self.node = node
        self.question = question

    def _render_traceback_(self) -> list[str]:
        return headline(self).splitlines()


class RecordWarning(UserWarning):
    """Something ran that the record does not hold to its end."""


class RecordError(NetfluxError):
    """The record cannot be written, so nothing new is begun. IPython shows it in two lines."""

    def _render_traceback_(self) -> list[str]:
        place = asked_at(self.__traceback__)
        return [headline(self), *([f"  {place}"] if place else [])]


class AgentException(NetfluxError):  # noqa: N818  the seed's name
    """An agent decided to fail, by its own judgement."""

    def __init__(self, message: str, agent_name: str, node_id: int) -> None:
        super().__init__(message)
        self.message = message
        self.agent_name = agent_name
        self.node_id = node_id

    def __str__(self) -> str:
        return f"{self.message} (raised by agent {self.agent_name!r}, Node {self.node_id})"


class ModelError(NetfluxError):
    """A model's endpoint did not give a reply.

    Args:
        message: What it said, or what is wrong with what it said.
        retryable: Whether the same request may do better later.
        retry_after_s: The pause that the provider asks for.
        max_attempts: Fewer attempts than usual are worth while.
        is_limit: The provider is at its limit: everybody who asks it should hold back.
        is_broken: The connection is at fault: a new client may do better.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        max_attempts: int | None = None,
        is_limit: bool = False,
        is_broken: bool = False,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.max_attempts = max_attempts
        self.is_limit = is_limit
        self.is_broken = is_broken


class ModelProviderException(NetfluxError):  # noqa: N818  the seed's name
    """A model could not be used: network, account, overload, or a fault of ours."""

    def __init__(
        self,
        message: str,
        provider: type,
        agent_name: str,
        node_id: int,
        inner_exception: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.agent_name = agent_name
        self.node_id = node_id
        self.inner_exception = inner_exception

    def __str__(self) -> str:
        inner = self.inner_exception
        cause = f": {type(inner).__name__}: {inner}" if inner is not None else ""
        return (
            f"{self.message} ({self.provider.__name__}, agent {self.agent_name!r}, "
            f"Node {self.node_id}){cause}"
        )


class MaxAgentLevelExceededException(NetfluxError):  # noqa: N818  the seed's name
    """Agents called agents more deeply than their tree allows."""

    def __init__(self, fn_name: str, max_agent_levels: int, attempted_level: int) -> None:
        super().__init__(
            f"{fn_name}() would be agent level {attempted_level}; this tree allows "
            f"{max_agent_levels}. Start it with `max_agent_levels={attempted_level}` "
            f"or flatten the calls."
        )
        self.fn_name = fn_name
        self.max_agent_levels = max_agent_levels
        self.attempted_level = attempted_level


class CancellationException(NetfluxError):  # noqa: N818  the seed's name
    """The work was asked to stop, and did."""

    def __init__(self, message: str = "Operation was canceled (no reason provided)") -> None:
        super().__init__(message)
        self.message = message


class NoParentSessionError(NetfluxError):
    """A root Node has no parent, so there is no parent's bag."""


class RecordedError(NetfluxError):
    """An exception read back from JSON: its type's name and its message."""

    def __init__(
        self,
        type_name: str,
        message: str,
        module: str = "",
        given: tuple[Any, ...] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.type_name = type_name
        # Enough to make it again where its class is known: see `revived`.
        self.module = module
        self.given = given
        self.fields = dict(fields or {})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RecordedError):
            return NotImplemented
        return (self.type_name, self.args) == (other.type_name, other.args)

    def __hash__(self) -> int:
        return hash((self.type_name, self.args))

    def __repr__(self) -> str:
        return f"RecordedError({self.type_name!r}, {self.args[0]!r})"


def revived(error: BaseException) -> BaseException:
    """Make an exception that was read back what it was, where its class is known here.

    A body that caught it then catches it again. Nothing is imported, and no `__init__` runs;
    one that does not read as it did stays as it is.
    """
    if not isinstance(error, RecordedError):
        return error
    kind = getattr(sys.modules.get(home_now(error.module or "builtins")), error.type_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return error
    given = error.args if error.given is None else error.given
    try:
        made: Exception = kind.__new__(kind, *given)
        made.args = given
        if issubclass(kind, OSError):
            # It fills `errno` and its like.
            made.__init__(*given)  # type: ignore[misc]
        made.__dict__.update(error.fields)
        is_same = str(made) == str(error)
    except Exception:  # noqa: BLE001  a class of the user's may raise anything
        return error
    return made if is_same else error


def stringify(error: BaseException, limit: int = 2000) -> str:
    """Give an exception as a model may read it: type and message, no traceback."""
    name = error.type_name if isinstance(error, RecordedError) else type(error).__name__
    try:
        text = f"{name}: {error}"
    except Exception:  # noqa: BLE001  a user's __str__ may raise anything
        text = f"{type(error).__name__} (its message cannot be shown)"
    return cut(text, limit)


def type_and_message(text: str) -> tuple[str, str]:
    """Take what `stringify` gave apart: the name of the type, and the message."""
    name, _, message = text.partition(": ")
    return name, message


def listed(names: Any, limit: int = 8) -> str:
    """Sort names and cut the list, as every message of ours does."""
    known = sorted(map(str, names))
    more = f", … ({len(known) - limit} more)" if len(known) > limit else ""
    return (", ".join(known[:limit]) + more) or "none"
