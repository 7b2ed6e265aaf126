"""Parts of callscope that a frozen program needs; PyInstaller runs this file."""
# ruff: noqa: N999  # no module: the name is PyInstaller's

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_TOOLS = tuple(
    f"callscope.tools.{name}"
    for name in ("ipython", "pyinstaller", "pytest_fixture", "pytest_plugin")
)

# A frozen program cannot run these tools, which would add IPython and pytest to it.
hiddenimports: list[str] = collect_submodules(
    "callscope", filter=lambda name: not name.startswith(_TOOLS)
)
datas: list[tuple[str, str]] = collect_data_files("callscope")
