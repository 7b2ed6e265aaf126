"""Functions of odd shapes: what the interpreter allows is traced, and does the same."""

import builtins
import inspect
import re
import types

import pytest

from callscope import instrument, record


def outcome(act):
    """Return what an act returns or raises."""
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


def scrubbed(outcomes):
    """Return outcomes as text without addresses."""
    return [re.sub(r" at 0x[0-9a-f]+", "", str(outcome)) for outcome in outcomes]


def plain(self, *args):
    return self, args


def keywords(self, x, /, y=1, *, z=2, **others):
    return x, y, z, others


class Pair(tuple):
    """A tuple with answers of its own."""

    __slots__ = ()

    def __len__(self):
        raise AssertionError("len")

    def __iter__(self):
        raise AssertionError("iter")

    def __bool__(self):
        raise AssertionError("bool")


def more_defaults_than_parameters():
    """Return what the `decorator` package makes of a method."""
    function = types.FunctionType(plain.__code__, globals())
    function.__defaults__ = (1, 2)
    return function


def defaults_of_every_parameter():
    function = types.FunctionType(keywords.__code__, globals())
    function.__defaults__ = (1, 2, 3, 4)
    return function


def defaults_of_another_kind():
    function = types.FunctionType(keywords.__code__, globals())
    function.__defaults__ = Pair((3, 4))
    return function


def keyword_defaults_of_no_parameter():
    function = types.FunctionType(keywords.__code__, globals())
    function.__kwdefaults__ = {"z": 3, "nobody": 4, "x": 5, 6: 7, "a b": 8}
    return function


def odd_annotations():
    function = types.FunctionType(keywords.__code__, globals())
    function.__annotations__ = {1: 2, "nobody": object()}
    return function


def a_signature_of_its_own():
    function = types.FunctionType(keywords.__code__, globals())
    function.__signature__ = inspect.Signature([inspect.Parameter("q", 1)])
    return function


class Unequal:
    """Compares with nothing."""

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None


def a_module_that_is_no_name():
    function = types.FunctionType(keywords.__code__, globals())
    function.__module__ = Unequal()
    return function


def globals_without_builtins():
    return types.FunctionType(keywords.__code__, {})


def builtins_of_its_own():
    source = "def call(self, *args): return len(args)"
    made = {"__builtins__": {"len": lambda _: "len", "__build_class__": builtins.__build_class__}}
    exec(source, made)
    return made["call"]


def two_parameters_of_one_name():
    code = keywords.__code__.replace(co_varnames=("self", "x", "x", "z", "others"))
    return types.FunctionType(code, globals(), None, (1,))


def a_variable_that_no_source_can_spell():
    inner = keywords.__code__.replace(co_varnames=("self", "x y", ".0", "class", "others"))
    return types.FunctionType(inner, globals(), None, (1,))


def a_cell_that_no_source_can_spell():
    value = 3

    def call(self, *args):
        return value

    code = call.__code__.replace(co_freevars=(".value",))
    return types.FunctionType(code, globals(), None, None, call.__closure__)


def a_cell_named_as_a_parameter():
    value = 3

    def call(self, *args):
        return value

    code = call.__code__.replace(co_freevars=("args",))
    return types.FunctionType(code, globals(), None, None, call.__closure__)


def mangled_names():
    class Named:
        def call(self, __x=1, *, __z=2):  # noqa: PYI063
            return __x, __z

    return Named.call


TRACED = [
    *(more_defaults_than_parameters, defaults_of_every_parameter, defaults_of_another_kind),
    *(keyword_defaults_of_no_parameter, odd_annotations, a_signature_of_its_own),
    *(a_module_that_is_no_name, globals_without_builtins, builtins_of_its_own, mangled_names),
    a_cell_named_as_a_parameter,
]
UNSPELLABLE = "a parameter or a free variable has a name that source code cannot contain"
REFUSED = [
    *(two_parameters_of_one_name, a_variable_that_no_source_can_spell),
    a_cell_that_no_source_can_spell,
]


@pytest.mark.parametrize("capture", ["values", "types", "none"])
@pytest.mark.parametrize("make", [*TRACED, *REFUSED])
def test_a_function_of_an_odd_shape(make, capture):
    """It is called with the same outcome, whatever it is called with, and traced if it can be."""

    class Base:
        call = make()

    acts = [  # each looks the method up
        *(lambda: Base.call(), lambda: Base().call(), lambda: Base().call(1)),  # noqa: PLW0108
        *(lambda: Base().call(1, 2, 3), lambda: Base().call(1, z=2)),
        *(lambda: Base().call(1, y=2, q=3), lambda: Base().call(1, 2, z=3)),
    ]
    bare = [outcome(act) for act in acts]
    before = vars(Base)["call"]
    with record(Base, methods=("call",), capture=capture) as trace:
        recorded = [outcome(act) for act in acts]
    assert scrubbed(recorded) == scrubbed(bare)
    assert vars(Base)["call"] is before
    with instrument(Base, methods=("call",)) as handle:
        reasons = [site.reason for site in handle.coverage()]
    assert reasons == ["" if make in TRACED else UNSPELLABLE]
    assert bool(trace.calls) == (make in TRACED)


def test_more_defaults_than_parameters():
    """The last defaults belong to the last parameters, as the interpreter has it."""

    class Base:
        call = more_defaults_than_parameters()

    with record(Base) as trace:
        assert Base.call()[0] == 2
        Base().call(3)
    assert trace.outline() == (
        "Base.call() [int#1] -> (2, ())\nBase.call(args[0]=3) [Base#2] -> (<Base>, (3,))"
    )
