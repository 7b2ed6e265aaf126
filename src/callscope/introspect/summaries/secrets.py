"""Detection of secrets by their names, and by their context in a text."""

from __future__ import annotations

import enum
import functools
import re
import types
from fnmatch import fnmatchcase
from typing import Any, Final

from callscope.introspect.classes import is_subclass, mro, namespace
from callscope.introspect.values import Text

REDACTED: Final = Text("[redacted]")
"""Placeholder of a hidden value."""

# Compared with the words of a name, in lower case and joined by "_": `apiKey`, `API-KEY` and
# `api_key2` are all "api_key". The names are those in the lists of two widely used scrubbers,
# https://github.com/getsentry/sentry-python/blob/master/sentry_sdk/scrubber.py (all but the
# addresses) and https://github.com/pydantic/logfire/blob/main/logfire/_internal/scrubbing.py, with
# the tokens of machine learning removed. docs/security.md lists them, and what is not hidden.
_SECRET: Final = re.compile(
    r"""
    passw(or)?d | passphrase | secret | credential  # also as part of a word
    | (^|_)(
        pass_?(word|wd|phrase|code|key)s? | creds? | jwts? | bearer | t?otps? | ssn
        | o?auth | authorization | cookies? | cookie_?jar | [cx]srf | [cx]srf_?token
        | [a-z]*sess(ion)?_?(id|key)s? | connect_sid | symfony
        | (api|access|private|ssh|signing|encryption|master)_?keys?
        | social_security | credit_?cards?
    )(_|$)
    | ((^|_)authentication | (^|_)session | (^|_)dsn | [a-z]*pwd)$
    | (^|(?<!pad|eos|bos|unk|sep|cls)(?<!mask)(?<!start|image)_)[a-z]*token(_id)?$
    | (^|(^|_)(access|refresh|o?auth|api|bearer|session|user)_)tokens$
    | (^|(^|_)(user|db|database|admin|root|smtp|ftp|mail|proxy|login|sudo)_?)pass$
    | ((^|(^|_)(card|user|account|security|sim)_)pin | (^|_)pin_?(code|number))$
    """,
    re.VERBOSE,
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|[\W\d_]+")
_LONGEST_NAME: Final = 1_000
"""Longest key, in characters, that is treated as a name and not as a text."""
_LONGEST_KEPT: Final = 100
"""Longest name, in characters, whose decision is cached."""


def is_secret(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a value with a name must be hidden.

    Args:
        name: of an argument, a field, a dictionary key or the method that returns it.
        patterns: lower-case `fnmatch` patterns of names that are secret in addition to
            passwords, tokens, API keys and the like.
    """
    if len(name) > _LONGEST_KEPT:
        return len(name) <= _LONGEST_NAME and _is_secret.__wrapped__(name, patterns)
    return _is_secret(name, patterns)


@functools.lru_cache(maxsize=4_096)
def _is_secret(name: str, patterns: tuple[str, ...]) -> bool:
    if _SECRET.search(_WORD_BREAK.sub("_", name).strip("_").lower()):
        return True
    lower = name.lower()
    return any(fnmatchcase(lower, pattern) for pattern in patterns)


_PASSWORD_IN_URL: Final = re.compile(r"""(://[^\s/?#:@'"]*):[^\s/?#'"]*@""")
_TOKEN_IN_URL: Final = re.compile(r"""(\bhttps?://)[^\s/?#:@'"]+@""")
# RFC 6750 and RFC 7617; "bearer token" and "Basic usage" are words.
_AUTHORIZATION: Final = re.compile(
    r"\b([Bb]earer +(?!token\b)|Basic +(?=[\w+/=]{8})(?=\w+[\dA-Z=+/]))[\w.~+/=-]+"
)


def scrubbed(text: str) -> str:
    """Return a text without passwords in URLs and credentials of HTTP headers."""
    if "://" in text and "@" in text:
        text = _PASSWORD_IN_URL.sub(rf"\1:{REDACTED}@", text)
        text = _TOKEN_IN_URL.sub(rf"\1{REDACTED}@", text)
    if "earer " in text or "Basic " in text:
        text = _AUTHORIZATION.sub(rf"\1{REDACTED}", text)
    return text


BEYOND: Final = 1_000
"""Characters scanned beyond the shown ones: a password may end among them."""


def scrubbed_start(text: str, length: int) -> str:
    """Return the first characters of a text, scrubbed; no password is shown in part.

    Args:
        text: a text of any class; it is read as `str` does.
        length: the largest number of characters to return.
    """
    if str.__len__(text) <= length:
        return scrubbed(str.__str__(text))
    end = length + BEYOND
    start = str.__getitem__(text, slice(end))
    if str.__len__(text) > end:
        start += "@"  # the cut text may have ended a password
    return scrubbed(start)[:length]


def spelling(key: Any) -> str:
    """Return a dictionary key as a name; empty if it is not one."""
    kind = type(key)
    if is_subclass(kind, enum.Enum):
        return text_of(held_by(key).get("_name_")) or ""
    if is_subclass(kind, bytes):
        return bytes.decode(bytes.__getitem__(key, slice(_LONGEST_NAME + 1)), "latin-1")
    return text_of(key) or ""


def text_of(value: Any) -> str | None:
    """Return the plain text of a string of any class; None for other values."""
    return str.__str__(value) if is_subclass(type(value), str) else None


def held_by(value: Any) -> dict[str, Any]:
    """Return an object's `__dict__`, empty if it has none; runs no property of that name."""
    for base in mro(type(value)):
        entry: Any = namespace(base).get("__dict__")
        if type(entry) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            held = entry.__get__(value)
            return held if type(held) is dict else {}
    return {}
