"""Faults between us and a provider, and whether they are worth a retry."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

from ..core.errors import ModelError
from ..core.json.canonical import ordered_json
from ..core.messages import ModelReply, NativePart
from ..core.text.legible import shortened

# Statuses that another try may mend, as the SDKs see it too; 500 and above may as well.
PASSING = {408, 409, 425, 429}
# Of these, and of what may pass: the provider has too much to do.
CROWDED = {429, 503, 529}
# Words of a provider for a limit that no pause lifts.
SPENT = ("insufficient_quota", "billing", "credit balance")
MOST_CHARS = 600


def hidden(text: str, secrets: Collection[str]) -> str:
    """Take keys out of a text."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return text


def scrubbed(text: str, secrets: Collection[str]) -> str:
    """Take keys out of a text, and bound it."""
    return shortened(hidden(text, secrets), MOST_CHARS)


def status_fault(
    status: int, message: str, headers: Mapping[str, str], secrets: Collection[str] = ()
) -> ModelError:
    """Give the fault that an HTTP status stands for."""
    crowded = status in CROWDED or "overloaded" in message.lower()
    passing = status in PASSING or status >= 500 or crowded
    if any(word in message.lower() for word in SPENT) and status < 500:
        passing = crowded = False
    return ModelError(
        f"{status}: {scrubbed(message, secrets)}",
        retryable=passing,
        retry_after_s=retry_after_s(headers) if passing else None,
        is_limit=crowded and passing,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait. A date counts from the server's own clock."""
    exact = headers.get("retry-after-ms")
    header = headers.get("retry-after")
    try:
        if exact is not None:
            return _seconds(float(exact) / 1000)
        if header is None:
            return None
        return _seconds(float(header))
    except ValueError:
        pass
    try:
        until, now = parsedate_to_datetime(header or ""), parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    return max((until - now).total_seconds(), 0.0)


def _seconds(told: float) -> float | None:
    return None if math.isnan(told) else max(told, 0.0)


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def stream_fault(error: Exception, secrets: Collection[str] = ()) -> ModelError | None:
    """Give the fault of a connection or of a stream that cannot be read; None for others.

    HTTP libraries are known by the names of their errors: which one an SDK uses is its own.
    """
    kinds = _kinds(error)
    words = scrubbed(f"{type(error).__name__}: {error}", secrets)
    if kinds & {"APIConnectionError", "TransportError", "ConnectionError", "TimeoutException"}:
        return ModelError(f"The connection failed: {words}", retryable=True, is_broken=True)
    if isinstance(error, TimeoutError):
        return ModelError(f"The connection failed: {words}", retryable=True, is_broken=True)
    if kinds & {"DecodingError", "UnicodeDecodeError", "JSONDecodeError", "StreamError"}:
        return ModelError(f"The answer cannot be read: {words}", retryable=True)
    if "APIResponseValidationError" in kinds or "UnknownApiResponseError" in kinds:
        return ModelError(f"The answer cannot be read: {words}", retryable=True)
    return None


async def read(stream: Any, decoder: Any, secrets: Collection[str]) -> ModelReply:
    """Read a stream to its end and give the reply; what no decoder can read is a fault."""
    try:
        async for event in stream:
            decoder.take(event)
        reply: ModelReply = decoder.reply()
        for part in reply.parts:
            if isinstance(part, NativePart):
                ordered_json(dict(part.data))  # what no record could keep could not be given back
        told = json.loads(hidden(json.dumps(dict(reply.native)), secrets))
        return replace(reply, detail=hidden(reply.detail, secrets), native=told)
    except ModelError as error:
        error.args = (scrubbed(str(error), secrets),)
        raise
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as e:
        kind = type(e).__name__
        raise ModelError(f"The answer cannot be read: {kind}.", retryable=True) from None


def cut(what: str) -> ModelError:
    """Give the fault of an answer that stopped before its end."""
    return ModelError(f"The answer ended too early: {what}.", retryable=True)


def several(what: str, setting: str) -> ModelError:
    """Give the fault of several answers to one request: which of them counts nobody says."""
    return ModelError(
        f"One request is to have one answer, and not several `{what}`. "
        f"Leave {setting!r} out of `extra`, or set the server to give one."
    )


def as_fault(error: Exception, secrets: Collection[str] = ()) -> Any:
    """Give the `ModelError` for what an SDK raised, or the error itself where it is ours."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(error, ModelError):
        return error
    if isinstance(error.__cause__, ModelError):  # ours, from below the SDK
        return ModelError(scrubbed(str(error.__cause__), secrets))
    if type(status) is int:
        response: Any = getattr(error, "response", None)
        headers: Mapping[str, str] = getattr(response, "headers", None) or {}
        return status_fault(status, message_of(error), headers, secrets)
    fault = stream_fault(error, secrets)
    if fault is None and {"APIError"} & _kinds(error):
        # An error inside a stream that came with no status of its own.
        message = message_of(error)
        passing = any(w in message.lower() for w in ("overloaded", "server", "rate", "timeout"))
        fault = ModelError(scrubbed(message, secrets), retryable=passing)
    return error if fault is None else fault


def message_of(error: Exception) -> str:
    """Give what a provider said of its error, without the wrapping of its SDK."""
    body: Any = getattr(error, "body", None)
    inner: Any = body.get("error", body) if isinstance(body, Mapping) else None
    message: Any = inner.get("message") if isinstance(inner, Mapping) else None
    code: Any = inner.get("code") if isinstance(inner, Mapping) else None
    text = str(message or getattr(error, "message", None) or error)
    return f"{text} ({code})" if isinstance(code, str) else text
