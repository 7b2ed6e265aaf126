"""A `torch.nn.Module`: `__call__` hands over to `forward`, layer by layer.

Run: pip install torch, then python examples/torch_module.py
"""

import torch
from torch import nn

import callscope


class Residual(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)

    def forward(self, x):
        return x + self.norm(self.linear(x))


if __name__ == "__main__":
    with callscope.record(nn.Module, methods=callscope.PYTORCH) as trace:
        model = nn.Sequential(Residual(8), nn.ReLU(), Residual(8))
        model(torch.ones(2, 8))
    print(trace.outline())
