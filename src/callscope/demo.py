"""The example that callscope starts from; `callscope demo` runs it."""

from __future__ import annotations


class Layer:
    def __init__(self, x): ...
    def __call__(self, y): self.call(y)
    def call(self, z): ...


class MyLayer(Layer):
    def __init__(self, k): super().__init__(k)
    def call(self, m): ...


def main() -> None:
    obj = MyLayer(3)
    obj(4)
