"""Which class's method runs, on which object, in what order? Run: python examples/seed.py"""

from callscope import Console, record, traced


@traced
class Layer:
    def __init__(self, x): ...
    def __call__(self, y):
        self.call(y)

    def call(self, z): ...


class MyLayer(Layer):
    def __init__(self, k):
        super().__init__(k)

    def call(self, m): ...


if __name__ == "__main__":
    with record(sinks=[Console(style="inside")]) as trace:
        obj = MyLayer(3)
        obj(4)
    print()
    print(trace)
