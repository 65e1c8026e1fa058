"""Secrets out of what is logged: by the name of the key, by `name: value` in texts, by value."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"

_SECRET_WORDS = frozenset(
    {
        "auth",
        "authorization",
        "cookie",
        "credential",
        "credentials",
        "dsn",
        "key",
        "keys",
        "passphrase",
        "passwd",
        "password",
        "secret",
        "secrets",
        "token",
        "tokens",
    }
)
# Ids and cursors that a word above would hide and that are needed to follow an order.
_HARMLESS = frozenset({"watch_token", "page_token", "next_page_token", "file_key"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DEPTH_MAX = 12
_TEXT_LEN_MAX = 16_000
_VALUE_LEN_MIN = 6

# In a text: a name that has a secret word as its last but one or last part, then : or =, quotes
# around either, an authorisation scheme, and the value. Headers and JSON both look like this.
_ASSIGNMENT = re.compile(
    r"(?P<name>\b[\w-]{0,40}?(?:apikey|authorization|credentials?|key(?:[-_]?id)?|passw(?:or)?d|"
    r"passphrase|secret(?:[-_]?key)?|token|cookie)\b)"
    r"(?P<gap>[\"']?\s*[:=]\s*(?:b(?=[\"']))?[\"']?(?:(?:Bearer|Basic|Token)\s+)?)"
    r"(?P<value>[^\s\"',;}&\])]+)",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@", re.IGNORECASE)


@lru_cache(maxsize=4096)  # the same few hundred names on every line
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is never to be shown."""
    if name.lower() in _HARMLESS:
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _SECRET_WORDS for word in words) or "apikey" in name.lower()


def redacted(value: Any, depth: int = _DEPTH_MAX) -> Any:
    """A copy of `value` for the log, without secrets at any depth.

    Mappings, sequences and pairs (as in header lists) are walked, texts scrubbed. Other objects
    become their scrubbed `repr`, numbers, booleans and None stay.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrubbed(value)
    if depth <= 0:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {_name(key): _under(key, item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if (
            len(value) == 2
            and isinstance(value, list | tuple)
            and isinstance(value[0], str | bytes)
        ):
            return [_name(value[0]), _under(value[0], value[1], depth)]
        return [redacted(item, depth - 1) for item in value]
    if isinstance(value, bytes | bytearray):
        return scrubbed(bytes(value).decode("utf-8", "backslashreplace"))
    return scrubbed(repr(value))


def scrubbed(text: str) -> str:
    """`text` with the values of `name: value` and of user:password@ in addresses taken out.

    It is cut to 16,000 characters: a log line is no place for a broker's HTML page.
    """
    if len(text) > _TEXT_LEN_MAX:
        text = text[:_TEXT_LEN_MAX] + "…"
    if ":" not in text and "=" not in text:
        return text
    text = _ASSIGNMENT.sub(rf"\g<name>\g<gap>{REDACTED}", text)
    return _USER_INFO.sub(rf"\g<scheme>{REDACTED}@", text)


def without_values(text: str, values: Iterable[str]) -> str:
    """`text` with known secret values taken out, wherever they came from."""
    for value in values:
        if len(value) >= _VALUE_LEN_MIN:
            text = text.replace(value, REDACTED)
    return text


def _name(key: Any) -> str:
    return key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else str(key)


def _under(key: Any, value: Any, depth: int) -> Any:
    if is_secret_name(_name(key)) and value is not None and not isinstance(value, bool):
        return REDACTED
    return redacted(value, depth - 1)
