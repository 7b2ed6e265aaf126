"""Version of the package, also read by its build."""

__version__ = "0.1.0.dev0"
