"""`MetadataReader`: metadata of the sites and classes of a recording's calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callscope.declare.presets import TEMPLATE_METHODS
from callscope.introspect.bytecode import ClassCode, Reading, read
from callscope.introspect.sites import ClassRef, Site
from callscope.tape.decode.filter import SiteOptions, is_asked_for
from callscope.trace import ClassMetadata, CodeMetadata, SiteMetadata

_INIT: Final = "__init__"
_CALL: Final = "__call__"


class MetadataReader:
    """Reader of the metadata of sites and classes, with a cache.

    Args:
        sites: the sites requested so far; classes that are made later add more.
    """

    def __init__(self, sites: Mapping[Site, SiteOptions]) -> None:
        self._wanted = sites
        self._wanted_then = 0
        self._sites: dict[Site, SiteMetadata] = {}
        self._classes: dict[ClassRef, ClassMetadata] = {}
        self.known: dict[tuple[Site, ClassRef], tuple[SiteMetadata, ClassMetadata]] = {}
        """Cached results of `of`."""

    def refresh(self) -> None:
        """Clear the caches of classes if sites were added."""
        if len(self._wanted) != self._wanted_then:
            self._wanted_then = len(self._wanted)
            self._classes.clear()
            self.known.clear()

    def of(self, site: Site, cls: ClassRef) -> tuple[SiteMetadata, ClassMetadata]:
        """Return the metadata of a call's site and class."""
        found = self.known[site, cls] = self.of_site(site), self.of_class(cls)
        return found

    def of_site(self, site: Site) -> SiteMetadata:
        """Return the metadata of a site."""
        known = self._sites.get(site)
        if known is None:
            known = self._sites[site] = _site_metadata(site)
        return known

    def of_class(self, cls: ClassRef) -> ClassMetadata:
        """Return the metadata of a class."""
        known = self._classes.get(cls)
        if known is None:
            known = self._classes[cls] = self._class_metadata(cls)
        return known

    def _class_metadata(self, cls: ClassRef) -> ClassMetadata:
        sites = tuple(
            tuple(self.of_site(s) for s in base.sites() if is_asked_for(self._wanted, s, cls))
            for base in cls.mro
        )
        facts = ClassMetadata(cls.name, tuple(base.name for base in cls.mro), sites)
        living = cls()
        try:
            return facts if living is None else _with_code(facts, living)
        except RecursionError:
            raise
        except Exception:
            return facts  # attributes of a class may be anything


def _site_metadata(site: Site) -> SiteMetadata:
    name, method, code = site.defining.name, site.method, site.code
    if code is None:
        return SiteMetadata(name, method, None, None)
    facts = None
    if method in (_INIT, _CALL):
        facts = _code_facts(method, read(code))
        if site.is_marked_abstract and facts.is_empty:
            facts = facts._replace(is_abstract=True)
    return SiteMetadata(name, method, code.co_filename, code.co_firstlineno, facts)


def _code_facts(method: str, reading: Reading) -> CodeMetadata:
    sets = reading.sets + (("*",) if reading.sets_others else ())
    consumed = dict.fromkeys(use.name for use in reading.uses if use.fate == "used")
    return CodeMetadata(
        calls_next=bool(reading.next_of(method)),
        is_empty=reading.is_empty,
        is_abstract=reading.is_abstract,
        passes_on=reading.passes_on,
        sets=sets if method == _INIT else (),
        consumes=tuple(consumed) if method == _CALL else (),
    )


def _with_code(facts: ClassMetadata, cls: type) -> ClassMetadata:
    """Return the metadata extended by an analysis of all methods of the class."""
    own = {site.method for sites in facts.sites for site in sites}
    inits = [(i, s) for i, sites in enumerate(facts.sites) for s in sites if s.method == _INIT]
    code = ClassCode(cls)
    if _CALL in own:
        led_to = [code.led_to(_CALL, place) for place, _ in code.defining(_CALL)]
        wanted = [name for name in TEMPLATE_METHODS if name in own]
        facts = facts._replace(
            template=tuple(name for name in wanted if name in led_to[0]),
            hidden=tuple(name for name in wanted if any(name in led for led in led_to[1:])),
        )
    if not inits or code.leads_through(_INIT, inits[-1][0]):
        return facts  # no attribute can be missing
    names = {name for _, init in inits if init.code is not None for name in init.code.sets} - {"*"}
    return facts._replace(provided=code.provided(names))
