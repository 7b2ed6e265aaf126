"""Parts of callscope that a frozen program needs; PyInstaller runs this file."""
# ruff: noqa: N999  # no module: the name is PyInstaller's

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_TOOLS = tuple(
    f"callscope.{name}" for name in ("_pyinstaller", "ipython", "pytest_fixture", "pytest_plugin")
)

# Tools that a frozen program cannot run would take IPython and pytest into it.
hiddenimports = collect_submodules("callscope", filter=lambda name: not name.startswith(_TOOLS))
datas = collect_data_files("callscope")
