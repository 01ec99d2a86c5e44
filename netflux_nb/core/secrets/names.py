"""Names of keys: how sure it is that what stands under a name is secret."""

from __future__ import annotations

import re
from functools import lru_cache


def word_set(words: str) -> frozenset[str]:
    """Give the words of a text as a set."""
    return frozenset(words.split())


# How sure a name is. SURE: whatever stands under it is a key. LIKELY: unless it is a plain word.
# FAINT: where it could be nothing else.
SURE, LIKELY, FAINT, NO = 3, 2, 1, 0

# Names, by their words: `dbPassword`, `DB_PASSWORD` and `db-password` have the same two. The
# last word decides, without its number.
SURE_WORDS = word_set(
    "password passwords passwd passwort pwd passphrase passcode secret secrets token credential "
    "credentials creds cred authorization authorisation apikey apikeys bearer jwt otp totp dsn "
    "htpasswd psk kennwort"
)
LIKELY_WORDS = word_set("auth cookie cookies pin pass salt")
_FAINT_WORDS = word_set("pat private webhook key keys")
ENDS = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "authkey", "accesskey",
    "secretkey", "privatekey", "accountkey", "sharedkey", "credentials", "pwd",
)  # fmt: skip
# Before `key`: whose key it is.
_OF_KEYS = word_set(
    "api access secret private auth account encryption signing master service ssh deploy shared "
    "storage subscription admin hmac aes rsa session license consumer client app webhook"
)
# Before `key`, `token`, `pass` and `pin`: what these are in other trades.
_OTHER_KEYS = word_set(
    "primary foreign public sort partition cache dedup hot dict group order index row unique "
    "natural composite map object idempotency node hash lookup join routing shortcut"
)
_OTHER_TOKENS = word_set(
    "max min num next page continuation pad eos bos unk mask cls sep stop end start special per "
    "first last prev previous current total new input output prompt completion cached"
)
# Behind a word, in a name of the environment: of the thing, not the thing; or of its number.
_BESIDE = word_set(
    "count counts limit limits budget usage length len size type types ids index max min ttl "
    "expiry expires expiration policy name names required enabled"
)
_PLACES = word_set("file path dir url uri host sock socket id ids home ring chain")
# Before: whoever gives these variables gives keys with them.
_OWNERS = ("aws_", "azure_", "google_", "gcp_", "gcloud_", "anthropic_", "openai_")
_HARMLESS = frozenset({"PWD", "OLDPWD"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def _words_of(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


@lru_cache(maxsize=4_096)
def sureness(name: str) -> int:
    """Say how sure it is that what stands under a name in a text is a key, by its last word."""
    words = _words_of(name)
    if not words or name in _HARMLESS:
        return NO
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "token" and before in _OTHER_TOKENS:
        return NO
    if last == "key":
        sure = SURE if before in _OF_KEYS else NO if not before or before in _OTHER_KEYS else FAINT
        return SURE if sure == FAINT and name.isupper() else sure
    if last in SURE_WORDS:
        return SURE
    if last in LIKELY_WORDS or last in ("pat", "private", "webhook"):
        if len(words) > 1 and (name.isupper() or before in ("x", "basic", "login", "redis")):
            return SURE
        return LIKELY if last in LIKELY_WORDS else FAINT
    return SURE if last.endswith(ENDS) else NO


@lru_cache(maxsize=4_096)
def sureness_of_variable(name: str) -> int:
    """Say how sure it is that a variable, or a setting, holds a key, by all of its words."""
    low = name.lower()
    if name in _HARMLESS:
        return NO
    words = _words_of(name)
    most = NO
    for n, word in enumerate(words):
        sure = sureness("_".join(words[: n + 1]))
        if word in LIKELY_WORDS | _FAINT_WORDS and (sure, n) != (NO, 0):
            other = word in ("key", "keys", "pass", "pin") and n and words[n - 1] in _OTHER_KEYS
            is_sure = name.isupper() or word in ("key", "auth")
            sure = NO if other else SURE if is_sure else max(sure, FAINT)
        if word == "key" and n == 0:
            sure = SURE if len(words) == 1 else FAINT
        if n + 1 < len(words) and sure:
            sure = NO if words[n + 1] in _BESIDE else FAINT if words[-1] in _PLACES else sure
        most = max(most, sure)
    return max(most, FAINT) if low.startswith(_OWNERS) or "connection_str" in low else most
