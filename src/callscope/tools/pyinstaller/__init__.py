"""Hook for PyInstaller: finds the modules that callscope imports by name."""

from __future__ import annotations

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Return the folder of the hook; this is the entry point ``pyinstaller40``."""
    return [str(Path(__file__).parent)]
