"""Warnings and logging."""

import asyncio
import functools
import logging
import os
import re
import sys
import warnings

from zoo.program import Program, case, only


def warn(text, level):
    warnings.warn(text, UserWarning, stacklevel=level + 1)


@case
def warnings_issued():
    """They name the program's own file and line, wherever the method was called from."""

    class Case:
        def __init__(self, level):
            warn("init", level)

        def method(self, level):
            warn("method", level)

        def outer(self, level):
            return self.inner(level)

        def inner(self, level):
            warnings.warn("inner", DeprecationWarning, stacklevel=level)

        @classmethod
        def of_class(cls, level):
            warn("of class", level)

        @staticmethod
        def of_nobody(level):
            warn("of nobody", level)

        @property
        def value(self):
            warn("value", 2)

        @functools.lru_cache(maxsize=0)
        def memo(self, level):
            warn("memo", level)

        def steps(self, level):
            warn("steps", level)
            yield
            warn("steps", level)

        async def later(self, level):
            warn("later", level)
            await asyncio.sleep(0)
            warn("later", level)

        async def stream(self, level):
            warn("stream", level)
            yield

        def __getattr__(self, name):
            warn(f"no {name}", 2)
            return 3

        def __add__(self, level):
            warn("add", level)

        def __init_subclass__(cls):
            if cls.__name__ == "Late":
                warn("init_subclass", 2)

    class Sub(Case):
        def __init__(self, level):
            super().__init__(level)

        def method(self, level):
            super().method(level)

    async def collect(level):
        await Case(level).later(level)
        return [x async for x in Case(level).stream(level)]

    def at(level):
        return (
            lambda: Sub(level).method(level),
            lambda: Sub(level).outer(level),
            lambda: (Sub(level).of_class(level), Case.of_nobody(level)),
            lambda: (Case(level).value, Case(level).missing),
            lambda: Case(level).memo(level),
            lambda: [*Case(level).steps(level)],
            lambda: Case(level) + level,
            lambda: asyncio.run(collect(level)),
            lambda: [Case.method(Case(level), level) for _ in "ab"],
        )

    return Program(
        Case,
        *(act for level in (1, 2, 3, 4) for act in at(level)),
        lambda: type("Late", (Case,), {}),
    )


@case
def warnings_as_errors():
    class Case:
        def method(self, level):
            warnings.warn("method", UserWarning, stacklevel=level)

    def use(level):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Case().method(level)

    def once():
        globals().pop("__warningregistry__", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(3):
                Case().method(2)
        return len(caught)

    def of_a_module():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", module=re.escape(__name__))
            Case().method(1), Case().method(2)
        return len(caught)

    return Program(Case, lambda: use(1), lambda: use(2), lambda: use(3), once, of_a_module)


@only(sys.version_info >= (3, 12))
def warnings_that_skip_files():
    class Case:
        def method(self):
            warnings.warn("skips", skip_file_prefixes=(os.path.dirname(__file__),))

    return Program(Case, lambda: Case().method())


@case
def deprecated():
    def deprecate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            warnings.warn(f"{function.__name__} is deprecated", DeprecationWarning, stacklevel=2)
            return function(*args, **kwargs)

        return wrapper

    mark = warnings.deprecated("gone soon") if sys.version_info >= (3, 13) else deprecate

    class Case:
        @mark
        def __init__(self):
            pass

        @mark
        def method(self):
            return 1

        @classmethod
        @mark
        def of_class(cls):
            return cls()

        @property
        @deprecate
        def value(self):
            return 3

    @mark
    class Old:
        def method(self): ...

    return Program(
        Case, lambda: Case(), lambda: Case().method(), lambda: Case.of_class(), lambda: Case().value
    )


@case
def logged_calls():
    """A log record names the file, the line and the function of the program."""
    records = []
    logger = logging.Logger("zoo")
    logger.addHandler(logging.Handler())
    logger.handlers[0].emit = lambda r: records.append(
        (r.filename, r.lineno, r.funcName, bool(r.exc_info))
    )

    class Case:
        def method(self, level):
            logger.warning("logged", stacklevel=level)

        def fails(self):
            try:
                self.nothing()
            except AttributeError:
                logger.exception("failed", stack_info=False)

    def use(level):
        Case().method(level)
        return records[-1]

    return Program(
        Case, lambda: use(1), lambda: use(2), lambda: use(3), lambda: (Case().fails(), records[-1])
    )
