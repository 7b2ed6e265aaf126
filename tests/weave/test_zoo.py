"""Transparency: each program of the zoo runs and looks the same while it is recorded."""

import contextlib
import dataclasses
import functools
import gc
import inspect
import os
import pathlib
import pickle
import pydoc
import re
import subprocess
import sys
import traceback
import types
import typing
import warnings

import pytest

import zoo
from callscope import record
from zoo import CASES, Differs

CAPTURES = ("values", "types", "none")
HOOKS = ("__init_subclass__", "__del__")
ZOO = str(pathlib.Path(zoo.__file__).parent)
SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def scrubbed(text):
    """Return a text without addresses."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def witness(frame, event, _):
    """Warn, of each call into the zoo, as the callee could: at itself and at its callers."""
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(ZOO):
        for level in (1, 2, 3):
            warnings.warn(f"{code.co_qualname} {level}", UserWarning, stacklevel=level + 1)


def outcome(act):
    """Return all that is seen of an act: its result or the text of its traceback, and warnings."""
    kept = sys.getprofile()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if act.is_witnessed:
            sys.setprofile(witness)
        try:
            done = repr(act.do())
        except BaseException:
            done = traceback.format_exc()
        finally:
            sys.setprofile(kept)
    issued = [(w.category, str(w.message), w.filename, w.lineno) for w in caught]
    return scrubbed(done), issued


def hierarchy(root):
    """Return a class and all its subclasses, each once."""
    found = [root]
    for cls in found:
        found += [sub for sub in type.__subclasses__(cls) if not any(sub is f for f in found)]
    return found


def entries(cls):
    """Return the names in a class's dict, in their order, and the very objects."""
    return [(name, id(raw), raw) for name, raw in type.__dict__["__dict__"].__get__(cls).items()]


def qualname(cls):
    """Return the name of a class, past any metaclass."""
    return type.__dict__["__qualname__"].__get__(cls)


def changes(classes, run):
    """Run something; return what comes of it and what it has changed in the dicts of classes."""
    before = [entries(cls) for cls in classes]
    found = run()
    changed = [
        (qualname(cls), name)
        for cls, was in zip(classes, before, strict=True)
        for name, _ in {entry[:2] for entry in was} ^ {entry[:2] for entry in entries(cls)}
    ]
    order = [[name for name, *_ in entries(cls)] for cls in classes]
    return found, sorted(changed), order


def run(case, capture=None):
    """Run a case, bare or recorded; return what is seen of each act, of the dicts, and the trace."""
    program = CASES[case]()
    recording = (
        contextlib.nullcontext()
        if capture is None
        else record(program.root, methods=program.methods, capture=capture)
    )

    def acts():
        with recording as trace:
            found = [*map(outcome, program.acts)]
        return [*found, *map(outcome, program.after)], trace

    gc.disable()  # or the garbage of others is finalized among the acts
    try:
        (found, trace), *dicts = changes(hierarchy(program.root), acts)
    finally:
        gc.enable()
    differs = [act.differs for act in (*program.acts, *program.after)]
    return found, dicts, differs, trace


@pytest.fixture(scope="module")
def bare():
    """What is seen of each case without callscope."""
    return functools.cache(run)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("case", CASES)
def test_a_program_does_the_same(case, capture, bare):
    """Its results, errors, tracebacks and warnings are the same, and its classes as they were.

    What is marked as different is so.
    """
    expected, dicts, differs, _ = bare(case)
    found, dicts_after, _, trace = run(case, capture)
    pairs = [*zip(expected, found, differs, strict=True)]
    assert [woven for _, woven, row in pairs if row is None] == [
        bare for bare, _, row in pairs if row is None
    ]
    assert [row for bare, woven, row in pairs if row is not None and woven == bare] == []
    assert dicts_after == dicts
    assert len(trace) > 0


# What can be seen of classes and methods


def shown(value):
    """Return a value as a text that can be compared."""
    return scrubbed(repr(value))


def attempt(observe, thing):
    """Return the text of what is observed, or of the error."""
    try:
        return shown(observe(thing))
    except Exception as error:
        return shown((type(error), str(error)))


def function_of(thing):
    """Return the Python function in a `__dict__` entry, if it is easily found."""
    thing = getattr(thing, "__func__", thing)
    for name in ("fget", "func"):
        if not isinstance(thing, types.FunctionType):
            thing = getattr(thing, name, thing)
    return thing


FLAGS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_ITERABLE_COROUTINE | SUSPENDABLE


def code_attributes(thing):
    """Return what code sees that reads `__code__` by itself (SQLAlchemy)."""
    code = function_of(thing).__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names = ("co_name", "co_qualname", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
    return [getattr(code, n) for n in names], code.co_varnames[:count], code.co_flags & FLAGS


def wrong_calls(function):
    """Return what comes of the calls that cannot be bound to a function's parameters."""
    found = []
    signature = inspect.signature(function, follow_wrapped=False)
    for args, kwargs in zoo.WRONG:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            try:
                function(*args, **kwargs)
            except TypeError:
                found.append(traceback.format_exc())
    return found


CHECKS = (
    inspect.isfunction,
    inspect.ismethod,
    inspect.isroutine,
    inspect.isbuiltin,
    inspect.ismethoddescriptor,
    inspect.isdatadescriptor,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.iscoroutinefunction,
    inspect.isabstract,
    callable,
)


def bound_attributes(function):
    """Return what is seen of a method that is bound to some object."""
    bound = types.FunctionType.__get__(function, 3)
    return inspect.signature(bound), inspect.getfullargspec(bound), [is_(bound) for is_ in CHECKS]


# Of a `__dict__` entry, and of the attribute that is had from the class.
OBSERVATIONS = {
    "type": type,
    "repr": repr,
    "checks": lambda x: [check(x) for check in CHECKS],
    "signature": inspect.signature,
    "own signature": lambda x: inspect.signature(x, follow_wrapped=False),
    "kinds and defaults": lambda x: [
        (p.name, p.kind, id(p.default)) for p in inspect.signature(x).parameters.values()
    ],
    "getfullargspec": inspect.getfullargspec,
    "getsource": inspect.getsource,
    "getsourcelines": inspect.getsourcelines,
    "getdoc": inspect.getdoc,
    "getmodule": inspect.getmodule,
    "help": lambda x: [line for line in pydoc.render_doc(x).splitlines() if "    # " not in line],
    "get_type_hints": typing.get_type_hints,
    "get_annotations": inspect.get_annotations,
    "evaluated annotations": lambda x: inspect.get_annotations(x, eval_str=True),
    "__code__": code_attributes,
    "__defaults__": lambda x: [*map(id, function_of(x).__defaults__)],
    "__kwdefaults__": lambda x: {k: id(v) for k, v in function_of(x).__kwdefaults__.items()},
    "__globals__": lambda x: id(function_of(x).__globals__),
    "__builtins__": lambda x: id(function_of(x).__builtins__),
    "__dict__": lambda x: {
        k: v for k, v in vars(x).items() if k not in ("__wrapped__", "func", "dispatcher")
    },
    "bound": bound_attributes,
    "wrong calls": wrong_calls,
    "pickle": lambda x: [pickle.dumps(x, protocol) for protocol in range(6)],
    **{
        name: functools.partial(lambda name, x: getattr(x, name), name)
        for name in (
            *("__name__", "__qualname__", "__module__", "__doc__", "__text_signature__"),
            *("__isabstractmethod__", "__type_params__", "__annotations__", "__objclass__"),
            *("__override__", "__final__", "__deprecated__", "__no_type_check__"),
        )
    },
}
# These do not find what they found.
DIFFERENT = {
    Differs.WRAPPED: lambda x: x.__wrapped__,
    Differs.CODE: lambda x: (inspect.getfile(x), inspect.getclosurevars(x)),
    Differs.COMMENTS: inspect.getcomments,
}
OF_CLASSES = {
    "classify_class_attrs": lambda cls: [
        (a.name, a.kind, a.defining_class)
        for a in inspect.classify_class_attrs(cls)
        if a.name not in HOOKS
    ],
    "getmembers_static": lambda cls: [
        n for n, _ in inspect.getmembers_static(cls) if n not in HOOKS
    ],
    "dir": lambda cls: [name for name in dir(cls) if name not in HOOKS],
    "signature": inspect.signature,
    "getdoc": inspect.getdoc,
    "isabstract": inspect.isabstract,
    "abstract methods": lambda cls: sorted(cls.__abstractmethods__),
    "get_type_hints": typing.get_type_hints,
    "get_annotations": inspect.get_annotations,
    "fields": dataclasses.fields,
    "protocol": lambda cls: sorted(cls.__protocol_attrs__),
    "overloads": lambda cls: [typing.get_overloads(f) for f in vars(cls).values()],
    "mro": inspect.getmro,
    "names in order": lambda cls: [name for name, *_ in entries(cls) if name not in HOOKS],
    Differs.HOOKS: lambda cls: [name for name, *_ in entries(cls)],
}


def methods_of(cls):
    """Yield each name in a class's dict with what is there, and what is had by it."""
    for name, _, raw in entries(cls):
        if name not in (*HOOKS, "__dict__") and hasattr(type(raw), "__get__"):
            yield name, "raw", raw
            if type(raw) is not types.FunctionType:
                with contextlib.suppress(Exception):
                    yield name, "attribute", type.__getattribute__(cls, name)


def look(classes):
    """Return what each observation finds in some classes and their methods."""
    of_classes = {
        (i, "", "", what): attempt(observe, cls)
        for i, cls in enumerate(classes)
        for what, observe in OF_CLASSES.items()
    }
    return of_classes | {
        (i, name, kind, what): attempt(observe, thing)
        for i, cls in enumerate(classes)
        for name, kind, thing in methods_of(cls)
        for what, observe in (OBSERVATIONS | DIFFERENT).items()
    }


def excuse(program, cls, name, what, *, is_proxied):
    """Return the row by which an observation may differ; None if there is none."""
    if what in (*DIFFERENT, Differs.HOOKS):
        return what
    if not name:
        # What is no descriptor is a mere value, unless it is named.
        named = {*program.methods} & {name for name, *_ in entries(cls)}
        return Differs.PROXY if what == "classify_class_attrs" and named else None
    if is_proxied:
        return Differs.PROXY
    raw = next(raw for found, _, raw in entries(cls) if found == name)
    is_elsewhere = function_of(raw).__qualname__ != f"{qualname(cls)}.{name}"
    return Differs.ALIAS if is_elsewhere and what in ("pickle", "getdoc", "help") else None


@functools.cache
def look_twice(case):
    """Return what is not the same of how the classes of a case look, and the rows for the rest."""
    program = CASES[case]()
    classes = hierarchy(program.root)
    for cls in classes:
        attempt(lambda cls: cls.__annotations__, cls)  # are made when they are first asked for
    bare = look(classes)
    with record(program.root, methods=program.methods):
        woven = look(classes)
        proxied = {
            (i, name)
            for i, cls in enumerate(classes)
            for name, _, raw in entries(cls)
            if type(raw).__module__.startswith("callscope")
        }
    differs, rows = {}, set()
    for key in bare | woven:
        if bare.get(key) != woven.get(key):
            i, name, _, what = key
            row = excuse(program, classes[i], name, what, is_proxied=(i, name) in proxied)
            if row is None:
                differs[key] = bare.get(key), woven.get(key)
            rows.add(row)
    return differs, rows


@pytest.mark.parametrize("case", CASES)
def test_a_class_looks_the_same(case):
    """Whatever looks at a class and its methods sees what it sees without callscope."""
    differs, _ = look_twice(case)
    assert differs == {}


@pytest.mark.parametrize("case", CASES)
def test_the_cells_of_a_method_are_its_own(case):
    """Code that looks for, or rewrites, a cell such as `__class__` finds the original's."""

    def cells():
        closures = {
            (i, name): getattr(function_of(raw), "__closure__", None) or ()
            for i, cls in enumerate(classes)
            for name, _, raw in entries(cls)
            if name not in HOOKS
        }
        return {key: {*map(id, closure)} for key, closure in closures.items()}

    program = CASES[case]()
    classes = hierarchy(program.root)
    bare = cells()
    with record(program.root, methods=program.methods):
        woven = cells()
    assert {key: bare[key] & woven[key] for key in bare} == bare


# What differs, and is documented


def test_what_differs_is_in_the_table_of_the_documentation(bare):
    """Each row of it is a difference that does occur, and there is no other."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "what-tracing-changes.md").read_text()
    table = re.findall(
        r"^\| (?:† )?(.*?) \|", text.partition("\n| what")[2].partition("\n\n")[0], re.MULTILINE
    )
    rows = {value for name, value in vars(Differs).items() if name.isupper()}
    assert {*table} == rows
    found = {Differs.TIMES, Differs.ENVIRONMENT}  # see below
    # See test_pools.py, test_cli.py and test_faults.py.
    found |= {Differs.SIGNAL, Differs.RUN, Differs.COLLECTOR}
    for case in CASES:
        found |= look_twice(case)[1] | {*bare(case)[2]}
    if not zoo.has("cloudpickle"):
        found.add(Differs.BY_VALUE)
    assert found - {None} == rows


def test_traced_calls_take_memory():
    """`gc` and times: what is recorded is kept until the trace is gone."""

    class Base:
        def call(self):
            return self

    def taken():
        before, obj = sys.getallocatedblocks(), Base()
        for _ in range(10_000):
            obj.call()
        return sys.getallocatedblocks() - before

    gc.collect()
    gc.disable()  # or it frees what others left
    try:
        bare = taken()
        with record(Base):
            assert taken() > bare + 1_000
    finally:
        gc.enable()


def test_the_environment_has_a_name_for_children():
    """`os.environ`: where tracing is switched on by it."""
    code = "import os, callscope; print('CALLSCOPE_PARENT' in os.environ)"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | more,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout.strip()
        for more in ({}, {"CALLSCOPE": "json:JSONDecoder", "CALLSCOPE_TO": os.devnull})
    ]
    assert found == ["False", "True"]
