"""Texts of arrays, which the tape in C keeps by class, dtype and shape."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from callscope.introspect.summaries import arrays

np = pytest.importorskip("numpy")


class Layer:
    """Takes and returns arrays."""

    def call(self, x: Any) -> Any:
        """Return what it is given."""
        return x

    def gather(self, *parts: Any, **named: Any) -> int:
        """Return the number of values."""
        return len(parts) + len(named)

    def unlock(self, *passwords: Any) -> int:
        """Return the number of values, which are secrets."""
        return len(passwords)


class Own(np.ndarray):  # type: ignore[misc,name-defined]
    """An array of the program's own class."""


class Odd(np.ndarray):  # type: ignore[misc,name-defined]
    """An array whose shape is the program's own property."""

    @property
    def shape(self) -> Any:
        """Raise: nobody may ask."""
        raise AssertionError


_DTYPES = ("float32", "float64", ">f4", "int8", "bool", "complex64", "U3", "O", "datetime64[s]")
_shapes = (
    st.lists(st.sampled_from([0, 1, 2, 3, 300]), max_size=8)
    .map(tuple)
    .filter(lambda shape: np.prod(shape, dtype=float) < 10_000)
)


def _text(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{np.dtype(dtype).name}[{', '.join(map(str, shape))}]"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_DTYPES), _shapes, st.booleans()), min_size=1))
def test_each_array_shows_its_own_dtype_and_shape(drawn: list[Any]) -> None:
    """By values and by types, whatever came before it, however often it comes."""
    layer = Layer()
    for capture, of_plain, of_own in (
        ("values", "", ""),
        ("types", "numpy.ndarray ", f"{__name__}.Own "),
    ):
        with callscope.record(Layer, methods=["call"], capture=capture) as trace:
            for dtype, shape, is_own in [*drawn, *drawn]:
                array = np.zeros(shape, dtype)
                layer.call(array.view(Own) if is_own else array)
        for call, (dtype, shape, is_own) in zip(trace.calls, [*drawn, *drawn], strict=True):
            text = (of_own if is_own else of_plain) + _text(dtype, shape)
            assert (call.arguments, call.result) == ({"x": text}, text)


def test_an_array_that_changes_its_shape() -> None:
    """The text is that of the moment."""
    array = np.zeros((2, 3))
    with callscope.record(Layer, methods=["call"]) as trace:
        Layer().call(array)
        array.resize((6,), refcheck=False)
        Layer().call(array)
    assert [call.result for call in trace.calls] == ["float64[2, 3]", "float64[6]"]


def test_a_property_of_the_program_is_not_asked() -> None:
    """Its class is not known, so nothing of it is read."""
    with callscope.record(Layer, methods=["call"]) as trace:
        Layer().call(np.zeros(3).view(Odd))
    assert str(trace.calls[0].result).startswith("<Odd")


def test_no_dtype_of_the_program_is_kept_alive() -> None:
    """One with fields may hold any object."""

    class Held:
        pass

    held = Held()
    dtype = np.dtype([("a", "i4")], metadata={"held": held})
    with callscope.record(Layer, methods=["call"]) as trace:
        Layer().call(np.zeros(3, dtype))
    dead = weakref.ref(held)
    del held, dtype
    gc.collect()
    assert dead() is None
    assert len(trace) == 1


def test_no_class_of_the_program_is_kept_alive() -> None:
    """And the next class at its address is another one."""
    for number in range(30):
        cls = type(f"Array{number}", (np.ndarray,), {})
        with callscope.record(Layer, methods=["call"], capture="types") as trace:
            Layer().call(np.zeros(3).view(cls))
        dead = weakref.ref(cls)
        del cls
        gc.collect()
        assert dead() is None
        assert trace.calls[0].result == f"{__name__}.Array{number} float64[3]"


def test_a_summary_that_fails_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may be short once; the next array of the kind has its text."""

    def fail(_: object) -> str:
        raise MemoryError

    array = np.zeros((7, 5, 3))
    with callscope.record(Layer, methods=["call"]) as trace:
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "_dtype_name", fail)
            Layer().call(array)
        Layer().call(array)
    texts = [call.result for call in trace.calls]
    assert texts == ["<ndarray: no summary, MemoryError>", "float64[7, 5, 3]"]


def test_more_texts_than_are_kept() -> None:
    """Each array has its own, though many take the place of others."""
    layer, sizes = Layer(), [*range(5_000)] * 2
    with callscope.record(Layer, methods=["call"]) as trace:
        for size in sizes:
            layer.call(np.empty(size, "int8"))
    assert [call.result for call in trace.calls] == [f"int8[{size}]" for size in sizes]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 13])
@pytest.mark.parametrize("is_called", ["by bytecode", "by C"])
def test_values_of_args(count: int, is_called: str) -> None:
    """Ten are captured one by one; the rest is a number."""
    layer, values = Layer(), [np.zeros(number) for number in range(count)]
    with callscope.record(Layer, methods=["gather", "unlock"]) as trace:
        if is_called == "by C":
            [*map(layer.gather, *([value] for value in values))] if values else layer.gather()
            [*map(layer.unlock, *([value] for value in values))] if values else layer.unlock()
        else:
            layer.gather(*values)
            layer.unlock(*values)
    texts = [f"float64[{number}]" for number in range(min(count, 10))]
    texts += [f"... {count - 10} more"] if count > 10 else []
    shown, hidden = (call.arguments for call in trace.calls)
    assert shown == {f"parts[{index}]": text for index, text in enumerate(texts)}
    hidden_texts = ["[redacted]"] * min(count, 10) + texts[10:]
    assert hidden == {f"passwords[{index}]": text for index, text in enumerate(hidden_texts)}


def test_values_of_args_beside_named_ones() -> None:
    """What a keyword takes is captured too."""
    with callscope.record(Layer, methods=["gather"], capture="types") as trace:
        assert Layer().gather(np.zeros(2), 3, key=np.ones(1)) == 3
    assert trace.calls[0].arguments == {
        "parts[0]": "numpy.ndarray float64[2]",
        "parts[1]": "int",
        "key": "numpy.ndarray float64[1]",
    }
