"""What a trace holds once of each site and of each class, and not with every call."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class SiteFacts(NamedTuple):
    """One method as defined in one class."""

    defining_class: str
    """Module-qualified name of the class."""
    method: str
    file: str | None
    """The file the method is written in, as its code says; None where that is not known."""
    line: int | None
    """The line its definition begins at, with its decorators, from 1."""


class ClassFacts(NamedTuple):
    """One class that objects of a trace are of."""

    runtime_class: str
    """Module-qualified name of the class."""
    mro: tuple[str, ...]
    """Names of the classes of its method resolution order, itself first."""
    sites: tuple[tuple[SiteFacts, ...], ...]
    """For each class of the MRO, its own methods that the recording was asked for and could see."""

    def site(self, mro_index: int, method: str) -> SiteFacts | None:
        """Return the site of a method in one class of the MRO, if calls of it are recorded."""
        return next((site for site in self.sites[mro_index] if site.method == method), None)


Told: TypeAlias = dict[tuple[str, ...], SiteFacts | ClassFacts]
"""What a file holds of sites and classes; by class and method, or by class."""
