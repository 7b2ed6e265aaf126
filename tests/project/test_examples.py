"""The examples run, each where its library is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *needs):
    for module in needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLES / name)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"KERAS_BACKEND": "torch", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def calls(output):
    """Return the lines of the tree without branches, arguments and durations."""
    lines = output.partition("\n\n")[0].splitlines()
    return [line.lstrip("│├└─ ").partition("(")[0] for line in lines]


def test_seed():
    """The four lines, then the tree."""
    assert run("seed.py").splitlines()[:4] == [
        "Inside MyLayer -> __init__ : 3",
        "Inside Layer -> __init__ : 3",
        "Inside Layer -> __call__ : 4",
        "Inside MyLayer -> call : 4",
    ]


def test_keras_lstm():
    """What DESIGN's question is about: an `LSTM` is an `RNN` is a `Layer`."""
    output = run("keras_lstm.py", "keras", "torch")
    assert calls(output) == [
        "LSTM.__init__",
        "LSTMCell.__init__",
        "Layer.__init__",
        "RNN.__init__",
        "Layer.__init__",
        "Layer.__call__",
        "LSTM.call",
        "RNN.call",
    ]
    assert "Layer.__call__(args[0]=float32[2, 3, 5]) [LSTM#1] -> float32[2, 4]" in output
    assert "Layer: keras.src.layers.layer" in output


def test_torch_module():
    """`__call__` hands over to `forward`, layer by layer."""
    outline = run("torch_module.py", "torch")
    assert (
        "    Module.__call__(args[0]=float32[2, 8]) [Residual#1] -> float32[2, 8]\n"
        "      Residual.forward(x=float32[2, 8]) [Residual#1] -> float32[2, 8]\n"
    ) in outline
