# Loops over columns in C; see `python_kernels` and `_kernels.c`.
from array import array
from collections.abc import Callable
from typing import Any

def rows_text(
    rows: int | array[int],
    shapes: array[int],
    templates: tuple[tuple[bytes | int, ...], ...],
    columns: tuple[tuple[object, ...], ...],
    /,
) -> bytes: ...
def row_shapes(
    shapes: array[int],
    first: int,
    callees: array[int],
    strands: array[int],
    ends: array[int],
    arguments: list[Any],
    outcomes: list[Any],
    /,
) -> list[int]: ...
def link_rows(
    first: int, size: int, parents: array[int], last: array[int], previous: array[int], /
) -> None: ...
def durations(times: array[int], starts: array[int], ends: array[int], /) -> bool: ...
def subtract_children(times: array[int], whole: array[int], parents: array[int], /) -> None: ...
def charge(
    own: array[float],
    running: array[float],
    alone: array[int],
    whole: array[int],
    parents: array[int],
    counts: array[int],
    waits: array[int],
    costs: array[float],
    inside: float,
    /,
) -> None: ...
def count_type(
    counts: array[int], kind: type, arguments: list[Any], outcomes: list[Any], /
) -> None: ...
def enter_paths(
    paths: array[int], parents: array[int], kinds: array[int], enter: Callable[[int, int], int], /
) -> None: ...
def look_up(
    numbers: array[int], indices: array[int], source: array[int], outer: array[int], /
) -> None: ...
def count_numbers(numbers: array[int], counts: array[int], /) -> None: ...
def scatter(
    numbers: array[int], places: array[int], source: array[Any], target: array[Any], /
) -> None: ...
