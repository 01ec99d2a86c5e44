"""Clients of SDKs: found, checked, made asynchronous, and closed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ..core.errors import ModelError, NoKeyError, SignatureError

# What a page for people says it is.
PAGES = ("text/html", "application/xhtml+xml")
PORTS = {"http": 80, "https": 443}

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


async def look(response: Any) -> None:
    """Refuse an answer that sends the request to another host, or that is a page for people.

    A request carries keys in headers that no HTTP library takes out for another host.
    """
    if response.has_redirect_location:
        asked, there = response.request.url, response.headers["location"]
        if not _stays(asked, asked.join(there)):
            raise ModelError(
                f"{asked.host!r} answered {response.status_code} and sends the request, with its "
                f"key, to {there[:80]!r}. Nothing was sent there. Is the address right?"
            )
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.is_success and kind in PAGES:
        raise ModelError(
            f"{response.request.url.host!r} answered with a page of HTML, not with JSON. "
            f"Is the address right?"
        )


def _stays(asked: Any, there: Any) -> bool:
    """True for the same server, and for its TLS port in place of its plain one."""
    old, new = ((url.scheme, url.port or PORTS.get(url.scheme)) for url in (asked, there))
    is_upgrade = (old, new) == (("http", 80), ("https", 443))
    return asked.host == there.host and (old == new or is_upgrade)


def guard(http: Any) -> None:
    """Have an HTTP client look at each answer before it follows or reads it."""
    hooks = getattr(http, "event_hooks", None)
    if hooks is not None and look not in hooks["response"]:
        http.event_hooks = {**hooks, "response": [*hooks["response"], look]}


def as_it_is(body: dict[str, Any]) -> dict[str, Any]:
    """Have a conversation sent as it is.

    An SDK would look at each part of it, on the loop that all runs share: longer each turn.
    """
    extra = {"messages": body["messages"], **body.get("extra_body", {})}
    return {**body, "messages": (), "extra_body": extra}


def secrets_of(client: Any) -> tuple[str, ...]:
    """List what a client knows and nobody must read."""
    names = ("api_key", "auth_token", "aws_secret_key", "aws_session_token", "access_token")
    found = (getattr(client, name, None) for name in names)
    return tuple(value for value in found if isinstance(value, str) and value)
