"""Metadata of sites and classes, which a trace holds once and not with every call."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class CodeMetadata(NamedTuple):
    """Static analysis of a method's code."""

    calls_next: bool
    """True if it can call the same method of another class on the object, by `super` or by name."""
    is_empty: bool
    """True if it only returns None."""
    is_abstract: bool = False
    """True if it is not meant to run: it only raises NotImplementedError, or is empty and marked
    by `abc.abstractmethod`."""
    passes_on: bool = False
    """True if it only calls one method of the object."""
    sets: tuple[str, ...] = ()
    """Of an ``__init__``: the attributes it sets on the object; ``"*"`` for those with dynamic
    names."""
    consumes: tuple[str, ...] = ()
    """Of a ``__call__``: the object's methods whose results it uses itself."""


class SiteMetadata(NamedTuple):
    """One method as defined in one class."""

    defining_class: str
    """Module-qualified name of the class."""
    method: str
    file: str | None
    """Source file of the method, as its code object says; None if not known."""
    line: int | None
    """First line of its definition, decorators included, from 1."""
    code: CodeMetadata | None = None
    """Of an ``__init__`` or a ``__call__``; None if it is not written in Python."""


class ClassMetadata(NamedTuple):
    """One runtime class of a trace."""

    runtime_class: str
    """Module-qualified name of the class."""
    mro: tuple[str, ...]
    """Names of the classes in its method resolution order, itself first."""
    sites: tuple[tuple[SiteMetadata, ...], ...]
    """For each class of the MRO, its own methods that the recording requested and could see."""
    template: tuple[str, ...] = ()
    """Those of ``call`` and ``forward``, if among these sites, that its ``__call__`` leads to."""
    hidden: tuple[str, ...] = ()
    """Those of them led to by the ``__call__`` methods of its MRO that its own may hide."""
    provided: tuple[str, ...] = ()
    """Attributes that an ``__init__`` sets but the object would have without it."""

    def site(self, mro_index: int, method: str) -> SiteMetadata | None:
        """Return the site of a method in one class of the MRO; None if it is not recorded."""
        return next((site for site in self.sites[mro_index] if site.method == method), None)


MetadataCache: TypeAlias = dict[tuple[str, ...], SiteMetadata | ClassMetadata]
"""Metadata already written to a file; by class and method, or by class."""
