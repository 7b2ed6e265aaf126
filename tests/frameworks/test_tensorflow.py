"""TensorFlow: AutoGraph converts what it would without callscope. Run where it is installed."""

from __future__ import annotations

import pytest

from callscope import record

tf = pytest.importorskip("tensorflow")


def make():
    """Return a class whose methods have control flow that AutoGraph must convert."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.steps = tf.Variable(0)

        def __call__(self, x):
            return self.call(x)

        def call(self, x):
            total = tf.constant(0.0)
            for value in x:
                if value > 1.0:
                    total += self.weigh(value)
                else:
                    total -= value
            while total > 10.0:
                total = total / 2.0
            return total

        def weigh(self, value, *, by=3.0):
            return value * by

    return Model


def use(cls):
    """Run a model eagerly and compiled; return what it gives and the shape of its graph."""
    model = cls()
    x = tf.constant([0.5, 1.5, 2.5, 8.0])
    compiled = tf.function(model)
    method = tf.function(model.call)
    operations = [op.type for op in compiled.get_concrete_function(x).graph.get_operations()]
    return float(model(x)), float(compiled(x)), float(method(x)), operations


def test_autograph_converts_the_same():
    """Results and graphs are the same while recorded."""
    bare = use(make())
    cls = make()
    with record(cls, methods=("__init__", "__call__", "call", "weigh")) as trace:
        woven = use(cls)
    assert woven == bare
    assert trace.find("Model.__call__")


@pytest.mark.parametrize("first", ["bare", "recorded"])
def test_a_function_compiled_before_or_after(first):
    """What was compiled outside of a recording runs within one, and the other way round."""
    cls = make()
    model = cls()
    x = tf.constant([0.5, 1.5])
    compiled = tf.function(model)
    expected = float(model(x))
    if first == "bare":
        assert float(compiled(x)) == expected
    with record(cls, methods=("__call__", "call", "weigh")):
        assert float(compiled(x)) == expected
    assert float(compiled(x)) == expected
