"""Programs that look at themselves."""

import inspect
import sys
import typing

from ways import IN_PLACE
from zoo.program import Differs, Program, case, differs


@case
def self_inspection():
    """A program that builds on what `inspect` says of its methods."""

    class Command:
        def run(self, name: str, count: int = 1, *, loud: bool = False):
            """Run it.

            >>> 1 + 1
            2
            """
            return [name.upper() if loud else name] * count

        def parse(self, line):
            hints = typing.get_type_hints(self.run)
            names = list(inspect.signature(self.run).parameters)
            values = {n: hints[n](v) for n, v in zip(names, line.split())}
            return self.run(**values)

        def help(self):
            return inspect.getdoc(self.run), inspect.getsource(self.run).splitlines()[0]

        @classmethod
        def commands(cls):
            return [
                n for n, f in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("_")
            ]

    def doctests():
        import doctest

        found = doctest.DocTestFinder().find(Command, "Command", globs={}, module=False)
        return [(t.name, len(t.examples), t.lineno) for t in found]

    return Program(
        Command,
        lambda: Command().parse("a 2 yes"),
        lambda: Command().parse("a x"),
        lambda: Command().help(),
        lambda: Command.commands(),
        differs(Differs.CODE, doctests, where=sys.version_info < (3, 13) and not IN_PLACE),
        lambda: Command().run(1, 2, 3),
    )


@case
def views():
    """Django's `as_view`: a function that takes over a method's `__dict__`."""

    class View:
        def dispatch(self, request):
            return getattr(self, request)()

        dispatch.exempt = True

        def get(self):
            return "got"

        @classmethod
        def as_view(cls):
            def view(request):
                return cls().dispatch(request)

            view.__doc__ = cls.__doc__
            view.__module__ = cls.__module__
            view.__dict__.update(cls.dispatch.__dict__)
            return view

    return Program(
        View,
        lambda: View.as_view()("get"),
        lambda: View.as_view().exempt,
        lambda: View.as_view()("post"),
        differs(Differs.WRAPPED, lambda: sorted(vars(View.as_view())), where=not IN_PLACE),
    )


@case
def registries():
    """Decorators and hooks that keep what they are given in tables, keyed by the function."""
    table = {}

    def register(function):
        table[function.__name__] = function
        return function

    class Case:
        @register
        def method(self, x):
            return x

        def call(self, name, *args):
            return table[name](self, *args)

        def handlers(self):
            return [name for name in dir(self) if name in table]

        def bound(self):
            return {self.call: 1}[self.call], self.call in {self.call}

    return Program(
        Case,
        lambda: Case().call("method", 1),
        lambda: Case().handlers(),
        lambda: Case().bound(),
        lambda: Case().call("none"),
    )


@case
def visitor():
    """`getattr` by computed names, and a fallback."""

    class Visitor:
        def visit(self, node):
            return getattr(self, f"visit_{type(node).__name__}", self.generic)(node)

        def generic(self, node):
            return "generic"

        def visit_list(self, node):
            return [*map(self.visit, node)]

        def visit_int(self, node):
            return -node

    return Program(
        Visitor,
        lambda: Visitor().visit([1, [2, "x"]]),
        lambda: Visitor().visit_int("x"),
        lambda: Visitor().visit(),
    )
