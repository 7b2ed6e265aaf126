"""The seed example: fresh classes of it, its outline, and its source as a module."""

import types


def make_seed():
    """Return fresh classes of the seed example, so that no test sees another's declarations."""

    class Layer:
        def __init__(self, x): ...
        def __call__(self, y):
            self.call(y)

        def call(self, z): ...

    class MyLayer(Layer):
        def __init__(self, k):
            super().__init__(k)

        def call(self, m): ...

    for cls in (Layer, MyLayer):
        cls.__module__, cls.__qualname__ = "app", cls.__name__
    return types.SimpleNamespace(Layer=Layer, MyLayer=MyLayer)


SEED_OUTLINE = """\
MyLayer.__init__(k=3) [MyLayer#1]
  Layer.__init__(x=3) [MyLayer#1]
Layer.__call__(y=4) [MyLayer#1]
  MyLayer.call(m=4) [MyLayer#1]"""


SEED_APP = """\
class Layer:
    def __init__(self, x): ...
    def __call__(self, y): return self.call(y)
    def call(self, z): ...

class MyLayer(Layer):
    def __init__(self, k): super().__init__(k)
    def call(self, m): return m + 1
"""
"""The seed example as a module, for processes of their own; here the calls return something."""
