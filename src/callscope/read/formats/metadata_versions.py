"""`MetadataVersions`: metadata of sites and classes, each up to some line of a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from typing import Any

from callscope.trace import ClassMetadata, SiteMetadata


class MetadataVersions:
    """Metadata of sites and classes, up to some line.

    All lines share one dict of versioned entries: a copy per line would take quadratic space.

    Args:
        before: the metadata before; None if there was none.
    """

    __slots__ = ("_entries", "_version")

    def __init__(self, before: MetadataVersions | None = None) -> None:
        self._entries: dict[Hashable, tuple[list[int], list[Any]]] = {}
        self._version = 0
        if before is not None:
            self._entries, self._version = before._entries, before._version + 1

    def add(self, entry: SiteMetadata | ClassMetadata) -> None:
        """Add metadata that applies from here on."""
        key = entry[:2] if isinstance(entry, SiteMetadata) else entry.runtime_class
        versions, entries = self._entries.setdefault(key, ([], []))
        if versions and versions[-1] == self._version:
            entries[-1] = entry
        else:
            versions.append(self._version)
            entries.append(entry)

    def site(self, defining_class: str, method: str) -> SiteMetadata | None:
        """Return the metadata of a site."""
        metadata: SiteMetadata | None = self._get((defining_class, method))
        return metadata

    def cls(self, name: str) -> ClassMetadata | None:
        """Return the metadata of a class."""
        metadata: ClassMetadata | None = self._get(name)
        return metadata

    def _get(self, key: Hashable) -> Any:
        versions, entries = self._entries.get(key, ((), ()))
        place = bisect_right(versions, self._version)
        return entries[place - 1] if place else None
