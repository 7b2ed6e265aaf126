"""What a reader says once of each site and class that its calls are of."""

from __future__ import annotations

from collections.abc import Collection

from callscope.hierarchy import ClassRef, Site
from callscope.trace import ClassFacts, SiteFacts


class FactsOf:
    """Finds out what is known of sites and classes, once for each.

    Args:
        sites: those that the recording has asked for so far; classes that are made later add more.
    """

    def __init__(self, sites: Collection[Site]) -> None:
        self._wanted = sites
        self._wanted_then = 0
        self._sites: dict[Site, SiteFacts] = {}
        self._classes: dict[ClassRef, ClassFacts] = {}

    def of_site(self, site: Site) -> SiteFacts:
        """Return what is known of a site."""
        known = self._sites.get(site)
        if known is None:
            code = site.code
            known = self._sites[site] = SiteFacts(
                site.defining.name,
                site.method,
                None if code is None else code.co_filename,
                None if code is None else code.co_firstlineno,
            )
        return known

    def of_class(self, cls: ClassRef) -> ClassFacts:
        """Return what is known of a class."""
        if len(self._wanted) != self._wanted_then:
            self._wanted_then = len(self._wanted)
            self._classes.clear()
        known = self._classes.get(cls)
        if known is None:
            known = self._classes[cls] = ClassFacts(
                cls.name,
                tuple(base.name for base in cls.mro),
                tuple(self._own_sites(base) for base in cls.mro),
            )
        return known

    def _own_sites(self, cls: ClassRef) -> tuple[SiteFacts, ...]:
        return tuple(self.of_site(site) for site in cls.sites() if site in self._wanted)
