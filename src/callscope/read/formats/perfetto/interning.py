"""Texts that events refer to by number; the first packet defines them."""

from __future__ import annotations

from typing import Final

from callscope.read.formats.perfetto import fields
from callscope.read.formats.perfetto.wire import block, number, string

_CATEGORIES: Final = ("error", "suspended", "lost")
ERROR, SUSPENDED, LOST = (number(fields.CATEGORY_ID, n + 1) for n in range(len(_CATEGORIES)))


class _Ids(dict[str, int]):
    """Texts with their numbers, from 1."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self) + 1
        return number

    def definitions(self, field: int) -> str:
        """Return the part of the interned data that defines the texts."""
        return "".join(
            block(field, number(fields.INTERNED_ID, own) + string(fields.INTERNED_TEXT, text))
            for text, own in self.items()
        )


class Interned:
    """Names of events and annotations, and texts, of one trace."""

    def __init__(self) -> None:
        self._names = _Ids()
        self._keys = _Ids()
        self._texts = _Ids()

    def begin(self, name: str) -> str:
        """Return the start of the event with which a slice begins."""
        return number(fields.TYPE, fields.BEGIN) + number(fields.NAME_ID, self._names[name])

    def key(self, name: str) -> str:
        """Return the field with the name of an annotation."""
        return number(fields.ANNOTATION_NAME_ID, self._keys[name])

    def text(self, text: str) -> str:
        """Return the field with the value of an annotation."""
        return number(fields.STRING_ID, self._texts[text])

    def data(self) -> str:
        """Return the interned data so far."""
        categories = _Ids(zip(_CATEGORIES, range(1, len(_CATEGORIES) + 1), strict=True))
        return (
            categories.definitions(fields.CATEGORIES)
            + self._names.definitions(fields.EVENT_NAMES)
            + self._keys.definitions(fields.ANNOTATION_NAMES)
            + self._texts.definitions(fields.ANNOTATION_STRINGS)
        )
