"""Stand-ins for the modules that differ from system to system."""

import builtins
import importlib
import os
import subprocess
import sys
import types
from pathlib import Path

PACKAGE = "netflux_nb"

_real_import = builtins.__import__


class StandIn(types.ModuleType):
    """A module with some names taken out and others put in; the rest is the real one's."""

    def __init__(self, real, *, gone="", **put):
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _gone=frozenset(gone.split()), **put)

    def __getattribute__(self, name):
        if name in ("__dict__", "__class__") or name in object.__getattribute__(self, "__dict__"):
            return object.__getattribute__(self, name)
        mine = object.__getattribute__(self, "__dict__")
        if name in mine["_gone"]:
            raise AttributeError(f"module {mine['_real'].__name__!r} has no attribute {name!r}")
        return getattr(mine["_real"], name)

    def __setattr__(self, name, value):
        mine = object.__getattribute__(self, "__dict__")
        if name in mine and not name.startswith("_"):
            mine[name] = value
        else:
            setattr(mine["_real"], name, value)

    def __dir__(self):
        return sorted({*dir(self._real), *self.__dict__} - self._gone)


def install(name):
    """Hand our modules those of a system: `windows` or `macos`."""
    found = importlib.import_module(name)
    modules, missing = found.modules(), found.MISSING

    def imported(name, globals=None, locals=None, fromlist=(), level=0):
        asks = str((globals or {}).get("__name__", ""))
        if level == 0 and (asks == PACKAGE or asks.startswith(f"{PACKAGE}.")):
            if name in missing:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in modules:
                return modules[name]
        return _real_import(name, globals, locals, fromlist, level)

    builtins.__import__ = imported
    subprocess.Popen.__init__ = _in_children(name, subprocess.Popen.__init__)
    found.also()
    assert PACKAGE not in sys.modules


def _in_children(name, begin):
    """Give what begins a process, so that a Python of a test's is on the same system."""
    here = str(Path(__file__).parent)

    def begun(self, args, *rest, env=None, **named):
        first = args if isinstance(args, str | os.PathLike) else args[0]
        if Path(os.fsdecode(first)).name.startswith("python"):
            env = {**(os.environ if env is None else env), "NETFLUX_SYSTEM": name}
            paths = env.get("PYTHONPATH", "").split(os.pathsep)
            env["PYTHONPATH"] = os.pathsep.join([here, *filter(None, set(paths) - {here})])
        begin(self, args, *rest, env=env, **named)

    return begun
