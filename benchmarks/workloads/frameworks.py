"""Real models: a Keras `LSTM` and 21 modules of PyTorch, each called on a small batch.

Their hierarchies are the libraries' own, so that all that traces them traces the same classes.
"""

from __future__ import annotations

import os
from typing import Final

from benchmarks.workloads.program import Program, find_sites

_STEPS: Final = 8
_BLOCKS: Final = 10


def make_keras(_: int) -> Program:
    """Return an `LSTM` that runs its cell for each of eight steps, on the CPU, with torch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import numpy as np
    import torch

    torch.set_num_threads(1)
    # Without cuDNN each step runs the cell, in every backend.
    layer = keras.layers.LSTM(4, use_cudnn=False)
    batch = keras.ops.convert_to_tensor(np.ones((2, _STEPS, 5), "float32"))
    layer(batch)

    def run(passes: int) -> None:
        for _ in range(passes):
            layer(batch)

    root, methods = keras.layers.Layer, ("__init__", "__call__", "call")
    # Layer.__call__, LSTM.call, RNN.call; and Layer.__call__ and LSTMCell.call for each step, and
    # once more, from which Keras knows what a step gives.
    calls = 3 + 2 * (_STEPS + 1)
    sites = find_sites(root, methods, unspecialize=False)
    return Program(root, methods, sites, run, calls, calls, has_own_classes=False)


def make_torch(_: int) -> Program:
    """Return a `Sequential` of ten times `Linear` and `ReLU`."""
    import torch

    torch.set_num_threads(1)
    blocks = [module for _ in range(_BLOCKS) for module in (torch.nn.Linear(8, 8), torch.nn.ReLU())]
    model = torch.nn.Sequential(*blocks)
    batch = torch.ones(2, 8)

    def run(passes: int) -> None:
        with torch.no_grad():
            for _ in range(passes):
                model(batch)

    root, methods = torch.nn.Module, ("__init__", "__call__", "forward")
    calls = 2 * (1 + 2 * _BLOCKS)
    sites = find_sites(root, methods, unspecialize=False)
    return Program(root, methods, sites, run, calls, calls, has_own_classes=False)
