"""A program of a user of `pipes`. Run: PYTHONPATH=examples/embedding python examples/embedding/app.py

With CALLSCOPE=1 it prints what ran; with ``--explain``, the library's own option does.
"""

import sys
from pipes import Pipeline, Step


class Scale(Step[float]):
    def __init__(self, factor: float, api_key: str = "") -> None:
        self._factor = factor
        self._api_key = api_key

    def apply(self, value: float) -> float:
        return value * self._factor


class Round(Step[float]):
    def apply(self, value: float) -> float:
        return float(round(value))


if __name__ == "__main__":
    pipeline = Pipeline([Scale(2.5, api_key="s3cret"), Round()])
    print(pipeline.run(3.0, explain="--explain" in sys.argv))
