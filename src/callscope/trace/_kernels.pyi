# Loops over columns in C; see `python_kernels` and `_kernels.c`.
from array import array

def rows_text(
    rows: int | array[int],
    shapes: array[int],
    templates: tuple[tuple[bytes | int, ...], ...],
    columns: tuple[tuple[object, ...], ...],
    /,
) -> bytes: ...
