"""Where the parts meet; the only process-wide state: the default runtime."""

from __future__ import annotations

import threading

from . import providers as providers  # registers who answers, and what it costs
from .core.functions import set_default_runtime
from .runtime.runtime import Runtime

_lock = threading.Lock()  # guards the default runtime's making
_default: list[Runtime] = []


def default_runtime() -> Runtime:
    """Give the runtime of calls outside any tree, made at the first such call."""
    with _lock:
        if not _default:
            _default.append(Runtime(is_open=True))
        return _default[0]


def use(runtime: Runtime) -> Runtime:
    """Let calls outside any tree run on this runtime from now on."""
    with _lock:
        _default[:] = [runtime]
    return runtime


set_default_runtime(default_runtime)
