"""Parser of the command line; its errors suggest similar options and commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from callscope.introspect.lookup import did_you_mean

USAGE_ERROR: Final = 2
"""Exit code for a wrong command line."""


class Parser(argparse.ArgumentParser):
    """Parser that suggests options and choices similar to an unknown one."""

    def __init__(self, **options: Any) -> None:
        # Room for the longest command in front of the help texts.
        wide = lambda prog: argparse.HelpFormatter(prog, max_help_position=26)  # noqa: E731
        super().__init__(**{"formatter_class": wide, **options})

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parse arguments; an unknown one is an error of its command."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            command: Parser = getattr(options, "parser", self)
            option = unknown[0].partition("=")[0]
            near = get_close_matches(option, command._option_string_actions, n=3)
            command.error(f"unrecognized arguments: {' '.join(unknown)}.{did_you_mean(near)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, and exit."""
        choice = re.search(r"invalid choice: '(.*?)'.*\(choose from (.*)\)", message)
        if choice and "maybe you meant" not in message:
            near = get_close_matches(choice[1], re.findall(r"[\w-]+", choice[2]), n=3)
            if choice[1].endswith(".py"):
                near = [f"{self.prog} run {choice[1]}"]
            message = f"{message}.{did_you_mean(near)}"
        super().error(message)
