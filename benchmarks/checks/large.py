"""Proof that a large file is read in little memory: ``python -m benchmarks.checks.large``.

A Parquet file of many calls is made by repeating a recorded one, and is then viewed, summarized,
searched and converted, each in a process of its own, whose peak memory is held against a limit.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute
from pyarrow import parquet

import callscope
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed

pc: Final[Any] = pyarrow.compute

_PART: Final = 1 << 20
"""Number of calls that are recorded, and then repeated."""
_LIMIT_MIB: Final = 1_000
_READ: Final = "import callscope, sys; trace = callscope.load(sys.argv[1]); "
_OBJECT: Final = f"len(trace) // {2 * CALLS_PER_PASS}"
"""An object in the middle: each pass makes one."""
_WAYS: Final = {
    "view": ["-m", "callscope", "view"],
    "summary": ["-m", "callscope", "view", "--summary"],
    **{
        f"convert to {suffix}": ["-m", "callscope", "convert", "-o", f"converted{suffix}"]
        for suffix in (".jsonl.gz", ".pftrace", ".parquet")
    },
    "find": ["-c", f"{_READ}print(len(trace.find('*', instance={_OBJECT})))"],
}


def main() -> int:
    """Prove it; return 1 if it does not hold."""
    args = _parse()
    is_good = True
    with TemporaryDirectory() as folder:
        path = Path(folder, "large.parquet")
        calls = write_large(path, args.calls)
        size = path.stat().st_size
        print(
            f"CPython {platform.python_version()}: {calls:,} calls, {size / 1e6:,.0f} MB",
            flush=True,
        )
        for name, arguments in _WAYS.items():
            begin = time.perf_counter()
            command = [sys.executable, "-c", _MEASURED, *arguments, str(path)]
            result = subprocess.run(  # noqa: S603  # our own
                command, check=True, capture_output=True, text=True, cwd=folder
            )
            peak = int(result.stderr.split()[-1]) / 1_024
            is_good = is_good and peak <= _LIMIT_MIB
            seconds = time.perf_counter() - begin
            last = result.stdout.rstrip().rpartition("\n")[2]
            print(f"{name}: {seconds:,.1f} s, at most {peak:,.0f} MiB; {last}", flush=True)
    print("PROVED" if is_good else "FAILED")
    return 0 if is_good else 1


_MEASURED: Final = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, *sys.argv[1:]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def write_large(path: Path, calls: int) -> int:
    """Write a file of at least so many calls, and return their number."""
    program = make_seed()
    with callscope.record(program.root, methods=program.methods, max_calls=None) as trace:
        program.run(min(calls, _PART) // CALLS_PER_PASS)
    table = trace.to_arrow()
    written = 0
    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for part in _repeated(table, calls):
            writer.write_table(part)
            written += len(part)
    return written


def _repeated(table: pa.Table, calls: int) -> Iterator[pa.Table]:
    steps = {
        "call_id": len(table),
        "parent_id": len(table),
        "instance": pc.max(table["instance"]).as_py(),
        "start_ns": table["start_ns"][-1].as_py() - table["start_ns"][0].as_py() + 1_000_000,
    }
    for number in range(-(-calls // len(table))):
        part = table
        for name, step in steps.items():
            index = table.schema.get_field_index(name)
            part = part.set_column(index, table.field(index), pc.add(table[name], number * step))
        yield part


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.large", description=__doc__)
    parser.add_argument(
        "--calls", type=int, default=50_000_000, help="at least so many (default: 50_000_000)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
