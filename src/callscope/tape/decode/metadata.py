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
        self._requested = sites
        self._requested_count = 0
        self._sites: dict[Site, SiteMetadata] = {}
        self._classes: dict[ClassRef, ClassMetadata] = {}
        self._calls: dict[tuple[Site, ClassRef], tuple[SiteMetadata, ClassMetadata]] = {}

    def refresh(self) -> None:
        """Clear the caches of classes if sites were added."""
        if len(self._requested) != self._requested_count:
            self._requested_count = len(self._requested)
            self._classes.clear()
            self._calls.clear()

    def of_call(self, site: Site, cls: ClassRef) -> tuple[SiteMetadata, ClassMetadata]:
        """Return the metadata of a call's site and class."""
        both = self._calls.get((site, cls))
        if both is None:
            both = self._calls[site, cls] = self.of_site(site), self.of_class(cls)
        return both

    def of_site(self, site: Site) -> SiteMetadata:
        """Return the metadata of a site."""
        metadata = self._sites.get(site)
        if metadata is None:
            metadata = self._sites[site] = _site_metadata(site)
        return metadata

    def of_class(self, cls: ClassRef) -> ClassMetadata:
        """Return the metadata of a class."""
        metadata = self._classes.get(cls)
        if metadata is None:
            metadata = self._classes[cls] = self._class_metadata(cls)
        return metadata

    def _class_metadata(self, cls: ClassRef) -> ClassMetadata:
        sites = tuple(
            tuple(self.of_site(s) for s in base.sites() if is_asked_for(self._requested, s, cls))
            for base in cls.mro
        )
        metadata = ClassMetadata(cls.name, tuple(base.name for base in cls.mro), sites)
        living = cls()
        try:
            return metadata if living is None else _with_code(metadata, living)
        except RecursionError:
            raise
        except Exception:
            return metadata  # attributes of a class may be anything


def _site_metadata(site: Site) -> SiteMetadata:
    name, method, code = site.defining.name, site.method, site.code
    if code is None:
        return SiteMetadata(name, method, None, None)
    metadata = None
    if method in (_INIT, _CALL):
        metadata = _code_metadata(method, read(code))
        if site.is_marked_abstract and metadata.is_empty:
            metadata = metadata._replace(is_abstract=True)
    return SiteMetadata(name, method, code.co_filename, code.co_firstlineno, metadata)


def _code_metadata(method: str, reading: Reading) -> CodeMetadata:
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


def _with_code(metadata: ClassMetadata, cls: type) -> ClassMetadata:
    """Return the metadata extended by an analysis of all methods of the class."""
    own = {site.method for sites in metadata.sites for site in sites}
    inits = [(i, s) for i, sites in enumerate(metadata.sites) for s in sites if s.method == _INIT]
    code = ClassCode(cls)
    if _CALL in own:
        led_to = [code.led_to(_CALL, place) for place, _ in code.defining(_CALL)]
        templates = [name for name in TEMPLATE_METHODS if name in own]
        metadata = metadata._replace(
            template=tuple(name for name in templates if name in led_to[0]),
            hidden=tuple(name for name in templates if any(name in led for led in led_to[1:])),
        )
    if not inits or code.leads_through(_INIT, inits[-1][0]):
        return metadata  # no attribute can be missing
    names = {name for _, init in inits if init.code is not None for name in init.code.sets} - {"*"}
    return metadata._replace(provided=code.provided(names))
