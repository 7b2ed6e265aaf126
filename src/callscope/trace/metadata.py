"""What a trace holds once of each site and of each class, and not with every call."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class CodeMetadata(NamedTuple):
    """What the code of a method says, without being run."""

    calls_next: bool
    """Whether it can call the same method of another class on the object, by `super` or by name."""
    is_empty: bool
    """Whether it does nothing but return None."""
    is_abstract: bool = False
    """Whether it is not meant to run: it only raises NotImplementedError, or is empty and marked
    by `abc.abstractmethod`."""
    passes_on: bool = False
    """Whether it does nothing but call one method of the object."""
    sets: tuple[str, ...] = ()
    """Of an ``__init__``: the attributes that it puts on the object; ``"*"`` for such as it does
    not name."""
    consumes: tuple[str, ...] = ()
    """Of a ``__call__``: the object's methods whose results it puts to a use of its own."""


class SiteMetadata(NamedTuple):
    """One method as defined in one class."""

    defining_class: str
    """Module-qualified name of the class."""
    method: str
    file: str | None
    """The file the method is written in, as its code says; None where that is not known."""
    line: int | None
    """The line its definition begins at, with its decorators, from 1."""
    code: CodeMetadata | None = None
    """Of an ``__init__`` and of a ``__call__``; None if that is not written in Python."""


class ClassMetadata(NamedTuple):
    """One class that objects of a trace are of."""

    runtime_class: str
    """Module-qualified name of the class."""
    mro: tuple[str, ...]
    """Names of the classes of its method resolution order, itself first."""
    sites: tuple[tuple[SiteMetadata, ...], ...]
    """For each class of the MRO, its own methods that the recording was asked for and could see."""
    template: tuple[str, ...] = ()
    """Which of ``call`` and ``forward``, if they are among these, its ``__call__`` leads to."""
    hidden: tuple[str, ...] = ()
    """Which of them those ``__call__`` of its MRO lead to that its own may hide."""
    provided: tuple[str, ...] = ()
    """Attributes that an ``__init__`` sets and that the object would have without it."""

    def site(self, mro_index: int, method: str) -> SiteMetadata | None:
        """Return the site of a method in one class of the MRO, if calls of it are recorded."""
        return next((site for site in self.sites[mro_index] if site.method == method), None)


Told: TypeAlias = dict[tuple[str, ...], SiteMetadata | ClassMetadata]
"""What a file holds of sites and classes; by class and method, or by class."""
