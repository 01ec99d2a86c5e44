"""Clients of SDKs: found, checked, made asynchronous, and closed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ..core.errors import NoKeyError, SignatureError

# What a client cannot hand on to its asynchronous twin.
NOT_HANDED_ON = {"self", "http_client", "default_headers", "middleware", "max_retries"}


def sdk(package: str, extra: str) -> ModuleType:
    """Import an SDK, or say in one line how to get it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise NoKeyError(
            f"The package {package!r} is not here ({error}). "
            f'Write `pip install "netflux_nb[{extra}]"`, or use model="scripted".'
        ) from None


def is_from(client: Any, package: str) -> bool:
    """True for an object of this SDK."""
    module = type(client).__module__
    return module == package or module.startswith(f"{package}.")


def wrong_client(provider: str, client: Any, want: str) -> SignatureError:
    """Give the error for a factory that made something else."""
    return SignatureError(
        f"The client factory for {provider!r} gave a {type(client).__name__}; it must give {want}."
    )


def as_async(module: ModuleType, client: Any) -> Any:
    """Give a client for the loop: itself, or the asynchronous twin of a synchronous one.

    The twin gets the same keys, address and time-outs, and an HTTP client of its own.
    """
    name = type(client).__name__
    if name.startswith("Async") or "Async" in {k.__name__[:5] for k in type(client).__mro__}:
        return client
    twin = next(
        (t for k in type(client).__mro__ if (t := getattr(module, f"Async{k.__name__}", None))),
        None,
    )
    if twin is None:
        raise wrong_client(module.__name__, client, "a client with an asynchronous twin")
    known = inspect.signature(twin.__init__).parameters
    given = {
        name: value
        for name in known
        if name not in NOT_HANDED_ON
        and not name.startswith("_")
        and (value := getattr(client, name, None)) is not None
    }
    headers: Mapping[str, str] = getattr(client, "_custom_headers", None) or {}
    return twin(**given, default_headers=dict(headers))


def secrets_of(client: Any) -> tuple[str, ...]:
    """List what a client knows and nobody must read."""
    names = ("api_key", "auth_token", "aws_secret_key", "aws_session_token", "access_token")
    found = (getattr(client, name, None) for name in names)
    return tuple(value for value in found if isinstance(value, str) and value)
