"""Result of `explain`: the definitions in an MRO, as text, JSON and a Mermaid diagram."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from callscope.errors import some_of
from callscope.read.explain.chain import Chain, Definition
from callscope.read.explain.route import Route
from callscope.trace.text import Names, one_line


class Explanation(NamedTuple):
    """The definitions of methods in an MRO, and how one calls the next."""

    name: str
    """Module-qualified name of the class."""
    mro: tuple[str, ...]
    """Names of the classes of its method resolution order, itself first."""
    bases: tuple[tuple[str, ...], ...]
    """For each class of the MRO, the names of its direct bases."""
    metaclass: str
    """Module-qualified name of its metaclass."""
    making: tuple[Chain, ...]
    """Methods that run when an object is created, except `__init__`: the metaclass's ``__call__``
    and ``__new__``, if a class other than `type` and `object` defines them."""
    methods: tuple[Chain, ...]
    """The requested methods that a class other than `object` defines."""
    routes: tuple[Route, ...]
    """Methods of the object that a call of the object leads to."""
    others: tuple[str, ...] = ()
    """Names of methods that its classes define, if `methods` is empty; closest matches first."""

    def __str__(self) -> str:
        return join_lines(_Text(self).lines())

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON-compatible data."""
        return {
            "class": self.name,
            "mro": list(self.mro),
            "bases": [list(bases) for bases in self.bases],
            "metaclass": self.metaclass,
            "making": [_chain_dict(chain) for chain in self.making],
            "methods": [_chain_dict(chain) for chain in self.methods],
            "routes": [[step._asdict() for step in route.steps] for route in self.routes],
        }

    def mermaid(self) -> str:
        """Return a Mermaid class diagram: https://mermaid.js.org/syntax/classDiagram.html."""
        from callscope.read.explain.mermaid import diagram

        return diagram(self.mro, self.bases, self.methods)


def join_lines(lines: Iterator[str]) -> str:
    """Join lines to a text that no name can break."""
    return "\n".join(map(one_line, lines))


def _chain_dict(chain: Chain) -> dict[str, Any]:
    return {
        "method": chain.method,
        "ends_in": chain.ends_in,
        "hidden": list(chain.hidden),
        "repeated": list(chain.repeated),
        "definitions": [
            {**d._asdict(), "leads": [lead._asdict() for lead in d.leads]}
            for d in chain.definitions
        ],
    }


class _Text:
    """Formatter of an explanation as text for people."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self._show = Names((*explanation.mro, explanation.metaclass)).show

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        explanation = self._explanation
        yield explanation.name
        yield f"  MRO: {' > '.join(map(self._show, explanation.mro))}"
        for chain in explanation.making:
            is_meta = chain.method == "__call__"
            yield from self._chain(chain, " of the metaclass" if is_meta else "")
        for chain in explanation.methods:
            yield from self._chain(chain)
        if explanation.routes:
            yield ""
            yield "Where it leads on the object:"
        for route in explanation.routes:
            steps = (f"{self._show(s.defining_class)}.{s.method}" for s in route.steps)
            yield f"  {' > '.join(steps)}"
        if not explanation.methods:
            yield ""
            there_are = f" It defines {some_of(explanation.others)}." if explanation.others else ""
            yield f"No class of it defines any of the methods in question.{there_are}"

    def _chain(self, chain: Chain, suffix: str = "") -> Iterator[str]:
        yield ""
        yield f"{chain.method}{suffix}"
        rows = [(self._site(chain, d), self._leads(d), _place(d)) for d in chain.definitions]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        for row in rows:
            yield f"  {row[0]:<{first}}  {row[1]:<{second}}  {row[2]}".rstrip()
        yield from (f"  {line}" for line in self._conclusion(chain))

    def _site(self, chain: Chain, definition: Definition) -> str:
        site = f"{self._show(definition.defining_class)}.{chain.method}"
        if definition.written_as not in (None, chain.method, "<lambda>"):
            site += f" = {definition.written_as}"
        is_plain = definition.kind in ("function", "C") or chain.method == "__new__"
        return site if is_plain else f"{site} ({definition.kind})"

    def _leads(self, definition: Definition) -> str:
        if definition.runs == "never":
            others = ", ".join(map(self._short, definition.run_by))
            outcome = f"run by {others}" if others else "never runs"
        elif definition.kind == "C":
            outcome = "written in C"
        elif definition.leads:
            leads = {lead.written: lead.always for lead in definition.leads}
            outcome = ", ".join(
                f"{written}(){'' if always else ' at times'}" for written, always in leads.items()
            )
        else:
            outcome = "ends here"
        marks = {"sometimes": " (runs at times)", "unknown": " (if what is in C leads on)"}
        return f"{outcome}{marks.get(definition.runs, '')}{' (abstract)' * definition.is_abstract}"

    def _short(self, site: str) -> str:
        cls, _, method = site.rpartition(".")
        return f"{self._show(cls)}.{method}"

    def _conclusion(self, chain: Chain) -> Iterator[str]:
        hidden = [d for d in chain.definitions if d.defining_class in chain.hidden]
        names = [self._show(d.defining_class) for d in hidden if not d.is_abstract]
        if names and chain.method == "__init__":
            yield (
                f"! the chain breaks in {self._show(chain.ends_in)}: __init__ of"
                f" {', '.join(names)} never runs"
            )
        for name in chain.repeated:
            yield f"! {self._show(name)}.{chain.method} runs more than once: classes are called by name"


def _place(definition: Definition) -> str:
    """Return file and line in a form that terminals and editors can open."""
    if definition.file is None:
        return ""
    path = Path(definition.file)
    location = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{location}:{definition.line}"
