"""Which libraries, in which versions, with what traced, and how their tests are started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALL_METHODS: Final = ("*", "__*")
"""Patterns for every method; dunder names are reached only by a pattern that begins like them."""

INSIDE: Final = Path(__file__).parent / "inside"
"""Modules that a library's tests import in order to write down their results."""


@dataclass(frozen=True)
class Suite:
    """One library's tests."""

    library: str
    package: str
    """Name in the package registry."""
    version: str
    targets: tuple[str, ...]
    labels: tuple[str, ...]
    """What is run of its tests."""
    requirements: tuple[str, ...] = ()
    """What the tests need besides the library."""
    environment: tuple[tuple[str, str], ...] = ()
    methods: tuple[str, ...] = ALL_METHODS

    @property
    def name(self) -> str:
        """What it is called on the command line and in the list of differences."""
        return self.library.lower()

    @property
    def pinned(self) -> tuple[str, ...]:
        """What is installed for it."""
        return (f"{self.package}=={self.version}", *self.requirements)

    @property
    def needs_source(self) -> bool:
        """Whether its tests are in the source distribution only."""
        return True

    def folder(self, source: Path) -> Path:
        """Return the folder its tests are run in."""
        return source

    def command(self, python: Path, trace: Path | None) -> list[str]:
        """Return the command that runs the tests.

        Args:
            python: the interpreter to run them with.
            trace: where a trace may be written; None to trace nothing.
        """
        raise NotImplementedError


class PytestSuite(Suite):
    """Tests that pytest runs."""

    def command(self, python: Path, trace: Path | None) -> list[str]:
        """Return the command, with our pytest plugin switched off where nothing is traced."""
        tracing = ["-p", "no:callscope"]
        if trace is not None:
            tracing = [
                *(f"--callscope={target}" for target in self.targets),
                *(f"--callscope-method={method}" for method in self.methods),
            ]
        plugins = ["-p", "pytest_results", "-p", "no:cacheprovider"]
        return [str(python), "-m", "pytest", "-q", *plugins, *tracing, *self.labels]


class InstalledPytestSuite(PytestSuite):
    """Tests that pytest runs, and that are installed with the library."""

    @property
    def needs_source(self) -> bool:
        """False: the labels name modules."""
        return False

    def command(self, python: Path, trace: Path | None) -> list[str]:
        """Return the command, kept from the configuration of whatever project lies around it."""
        return [*super().command(python, trace), f"--config-file={os.devnull}", "--rootdir=."]


class DjangoSuite(Suite):
    """Django's tests, which a program of its own runs."""

    def folder(self, source: Path) -> Path:
        """Return the folder of that program."""
        return source / "tests"

    def command(self, python: Path, trace: Path | None) -> list[str]:
        """Return the command: the program as it is, or run by ``callscope run``."""
        tracing = []
        if trace is not None:
            tracing = ["-m", "callscope", "run", "-o", str(trace)]
            for target in self.targets:
                tracing += ["-t", target]
            for method in self.methods:
                tracing += ["-M", method]
        program = ["runtests.py", "--parallel", "1", "--settings", "django_settings"]
        return [str(python), *tracing, *program, *self.labels]


_PYTEST: Final = "pytest==9.2.0"

SUITES: Final[tuple[Suite, ...]] = (
    PytestSuite(
        library="pluggy",
        package="pluggy",
        version="1.7.0",
        targets=(
            "pluggy:PluginManager",
            "pluggy:HookCaller",
            "pluggy:HookImpl",
            "pluggy:HookspecMarker",
            "pluggy:HookimplMarker",
            "pluggy:Result",
        ),
        labels=("testing",),
        requirements=(_PYTEST,),
    ),
    PytestSuite(
        library="click",
        package="click",
        version="8.5.1",
        targets=(
            "click:Command",
            "click:Parameter",
            "click:ParamType",
            "click:Context",
            "click:HelpFormatter",
            "click:ClickException",
        ),
        labels=("tests",),
        requirements=(_PYTEST,),
    ),
    DjangoSuite(
        library="Django",
        package="Django",
        version="5.2.19",
        targets=(
            "django.views.generic.base:View",
            "django.views.generic.base:ContextMixin",
            "django.views.generic.base:TemplateResponseMixin",
            "django.db.models.fields:Field",
            "django.forms.forms:BaseForm",
            "django.forms.fields:Field",
            "django.forms.widgets:Widget",
            "django.http.request:HttpRequest",
            "django.http.response:HttpResponseBase",
        ),
        labels=(
            "generic_views",
            "forms_tests",
            "model_fields",
            "view_tests",
            "model_forms",
            "requests_tests",
        ),
        requirements=("jinja2==3.1.6", "pillow==12.0.0"),
    ),
    PytestSuite(
        library="SQLAlchemy",
        package="SQLAlchemy",
        version="2.0.44",
        targets=("sqlalchemy.sql.visitors:Visitable", "sqlalchemy.sql.compiler:Compiled"),
        labels=(
            "test/sql/test_compiler.py",
            "test/sql/test_operators.py",
            "test/sql/test_selectable.py",
        ),
        requirements=(_PYTEST,),
    ),
    PytestSuite(
        library="SQLAlchemy-asyncio",
        package="SQLAlchemy",
        version="2.0.44",
        targets=(
            "sqlalchemy.engine:Connection",
            "sqlalchemy.engine:AdaptedConnection",
            "sqlalchemy.ext.asyncio.base:ReversibleProxy",
            "sqlalchemy.orm:Session",
            "sqlalchemy.pool:Pool",
        ),
        labels=("test/ext/asyncio", "test/base/test_concurrency_py3k.py", "--db", "aiosqlite"),
        requirements=("aiosqlite==0.22.1", "greenlet==3.5.6", _PYTEST),
    ),
    InstalledPytestSuite(
        library="Keras",
        package="keras",
        version="3.15.1",
        targets=("keras.src.layers.layer:Layer",),
        labels=(
            "--pyargs",
            "keras.src.layers.core",
            "keras.src.layers.rnn.lstm_test",
            "keras.src.layers.rnn.rnn_test",
            "keras.src.layers.layer_test",
        ),
        requirements=("torch==2.13.0", _PYTEST),
        environment=(("KERAS_BACKEND", "torch"),),
    ),
)
"""The quickest first."""
