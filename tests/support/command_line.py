"""The command line as a process of its own, and programs for it."""

import os
import subprocess
import sys
import textwrap

from seed import SEED_APP

PROGRAM = f"""\
import sys

{SEED_APP}
if __name__ == "__main__":
    print(MyLayer(3)(4), sys.argv[1:])
"""


def cli(*arguments, cwd, **options):
    """Run callscope and return the finished process."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}
    return subprocess.run(
        [sys.executable, "-m", "callscope", *arguments],
        cwd=cwd,
        env=env | {"PYTHONIOENCODING": "utf-8"},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        **options,
    )


def write(folder, source, name="script.py"):
    """Write a program into a folder."""
    (folder / name).write_text(textwrap.dedent(source))
