"""The first change that CONTRIBUTING.md leads to works as it is written there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TEST = "tests/read/formats/test_files.py"


@pytest.mark.slow
def test_the_first_change(tmp_path):
    """With the module and the line in place, the test passes; and without them, it does not."""
    page = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"<!-- file: (\S+) -->\n\n```python\n(.*?)```", page, re.DOTALL))
    assert sorted(files) == ["src/callscope/read/formats/table.py", TEST]
    suffix, module = re.search(r'`"(\.\w+)": "(\w+)",`', page).groups()

    conftest = (PROJECT / "tests" / "conftest.py").read_text(encoding="utf-8")
    known = (
        "import callscope.read.formats\n"
        f"callscope.read.formats.__path__.append({str(tmp_path)!r})\n"
        f"callscope.read.formats.SUFFIXES[{suffix!r}] = {module!r}\n"
    )
    (tmp_path / f"{module}.py").write_text(files["src/callscope/read/formats/table.py"])
    (tmp_path / "test_it.py").write_text(files[TEST])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    paths = (str(PROJECT / "tests" / "support"), os.environ.get("PYTHONPATH", ""))
    options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": os.pathsep.join(paths)}}
    outcomes = []
    for text in (conftest, conftest + known):
        (tmp_path / "conftest.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
        outcomes.append(done.stdout)
    assert "No format has the suffix" in outcomes[0]
    assert "1 passed" in outcomes[1], outcomes[1]
