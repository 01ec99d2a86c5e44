"""The sink of a runtime's events, and the redaction that goes with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from ..core.errors import ArgumentError, SignatureError
from ..core.secrets.redaction import Redaction, secrets_of
from .host import Where, host
from .observe import Record, Recorder, Sink


def session_name() -> str | None:
    """Give the path of the notebook that this kernel was started for, as front ends write it."""
    said = os.environ.get("JPY_SESSION_NAME")
    return None if said is None else said.replace(os.sep, "/")


def sink_of(record: Where, sink: Sink | Record | None) -> Sink | None:
    """Give where the events go: a journal gives every runtime a channel of its own."""
    if sink is not None:
        return sink.channel() if isinstance(sink, Record) else sink
    if not isinstance(record, bool | str | os.PathLike):
        raise SignatureError(
            f"`record` is True, False or a folder, got {type(record).__name__}. Give a journal "
            f"as `sink`."
        )
    return None if record is False else host().sink(record)


def redaction_of(sink: Sink | None) -> Callable[[str], str]:
    """Give the redaction of JSON: the record's own, so that hashes are equal."""
    return sink.redact if isinstance(sink, Recorder) else redaction().json


def redaction() -> Redaction:
    """Give the redaction of texts: known forms, this environment's secrets, a person's patterns."""
    return Redaction(secrets_of(os.environ), host().patterns)


def redact(**patterns: str | re.Pattern[str] | None) -> dict[str, str]:
    """Name what is not to be kept: what matches is marked wherever it would be recorded or shown.

    It holds from now on for all records and looks of this process. Patterns are looked for
    within each text, number and name of a field, in arguments, answers, prompts, errors. The
    models and Functions get what they are given, as it is. `run.secrets_scan()` looks for them
    in what was recorded before.

    Args:
        patterns: Regular expressions by the name that the mark says; None takes one away.

    Example:
        >>> redact(employee=r"EMP-[0-9]{6}")
        {'employee': 'EMP-[0-9]{6}'}
        >>> redact(employee=None)
        {}
    """
    own = host().patterns
    kept = {**own.given, **patterns}
    own.put({name: one for name, one in kept.items() if one is not None})
    return own.sources


def folder_named(text: str) -> Path:
    """Give the folder that a person means. Raises `ArgumentError` where it can be none."""
    try:
        if text.isprintable():
            return Path(text).expanduser().absolute()
    except RuntimeError:  # `~name/…` of nobody
        pass
    raise ArgumentError(f"{text[:80]!r} names no folder. Give a path, or `off`.")
