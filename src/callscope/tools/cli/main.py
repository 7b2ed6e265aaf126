"""Commands and their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from callscope.errors import CallscopeError, one_line
from callscope.introspect.version import __version__
from callscope.tools.cli.parser import USAGE_ERROR, Parser
from callscope.tools.cli.printing import (
    TreeOptions,
    add_filter_options,
    add_tree_options,
    filtered,
)
from callscope.tools.options import CAPTURE, listed, method, target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: those after the program's name; by default those of the process.
    """
    try:
        return _run_command(arguments)
    except BrokenPipeError:
        # The reader of the pipe has closed it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse(arguments)
        return int(options.command(options))
    except CallscopeError as error:
        print(f"callscope: {error}", file=sys.stderr)
        return USAGE_ERROR
    finally:
        with suppress(ValueError, AttributeError):  # a program may have closed it
            sys.stdout.flush()


def _parser() -> Parser:
    parser = Parser(
        prog="callscope",
        description="Show how objects are called: whose method runs, on which object, in what order.",
        epilog="Begin with 'callscope demo'. The options of a command: 'callscope run --help'.",
    )
    parser.add_argument("--version", action="version", version=f"callscope {__version__}")
    parser.set_defaults(command=lambda _: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_view(commands)
    _add_convert(commands)
    _add_explain(commands)
    _add_diff(commands)
    _add_startup(commands)
    return parser


def _help(parser: Parser) -> int:
    parser.print_help()
    return 0


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add_demo(commands: _Commands[Parser]) -> None:
    text = "trace a small example and explain the output"
    demo = commands.add_parser("demo", help=text, description=f"{text.capitalize()}.")
    demo.set_defaults(command=_demo, parser=demo)


def _add_run(commands: _Commands[Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a script or a module as python would, tracing some classes",
        usage="callscope run [OPTIONS] (SCRIPT | -m MODULE | -c CODE) [ARGS ...]",
        description="Run a Python script, or with -m a module, as python itself would, and trace the"
        " hierarchies of the targets; without any, all classes declared with @traced. A"
        " script may also be a folder or an archive with a __main__.py, a .pyc file, or - for"
        " stdin. The exit code is the program's own.",
        epilog="Options stand before the program; what follows it belongs to it. For example:"
        " callscope run -t keras.layers:Layer -o trace.jsonl train.py -v",
        allow_abbrev=False,
    )
    run.add_argument(
        "-t",
        "--target",
        **target(
            ", as package.module:Class; a class of the script itself is __main__:Class (repeatable,"
            " or separated by commas); by default all classes that are declared"
        ),
    )
    run.add_argument("-M", "--method", **method())
    run.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="save the trace here; without it, the tree is printed",
    )
    run.add_argument(
        "--children",
        action="store_true",
        help="also record the Python processes that the program starts: all into FILE, or, if it is a"
        " .jsonl, .jsonl.gz or .parquet file, each into a file of its own beside it",
    )
    run.add_argument(
        "--check",
        action="store_true",
        help="print the mistakes that the trace shows, and exit with 1 if one is an error and the"
        " program itself exits with 0",
    )
    run.add_argument("--live", action="store_true", help="print calls to stderr as they happen")
    run.add_argument(
        "--filter",
        action="append",
        metavar="SITE",
        help="with --live, print only calls of this site, such as Layer.call, or a pattern (repeatable)",
    )
    run.add_argument(
        "--break",
        dest="break_on",
        metavar="SITE",
        help="stop in the debugger at each call of this site, such as Layer.call, or a pattern",
    )
    run.add_argument("--capture", **CAPTURE)
    add_tree_options(run)
    # Everything from here on belongs to the program.
    rest = argparse.REMAINDER
    run.add_argument("-m", dest="module", nargs=rest, metavar="MODULE", help="run a module")
    run.add_argument("-c", dest="code", nargs=rest, metavar="CODE", help="run code")
    run.add_argument("script", nargs=rest, metavar="SCRIPT", help="run a script")
    run.set_defaults(command=_run, parser=run)


def _add_view(commands: _Commands[Parser]) -> None:
    view = commands.add_parser(
        "view",
        help="print a saved trace",
        description="Print the calls of a saved trace as a tree, or in the form that an option selects.",
    )
    view.add_argument(
        "files", nargs="+", metavar="FILE", help="a saved trace, or several of one program"
    )
    view.add_argument("--outline", action="store_true", help="without times: stable text for diffs")
    view.add_argument("--summary", action="store_true", help="calls and times per site")
    view.add_argument("--findings", action="store_true", help="mistakes, and their remedies")
    add_tree_options(view)
    add_filter_options(view, has_tree=True)
    view.set_defaults(command=_view, parser=view)


def _add_convert(commands: _Commands[Parser]) -> None:
    convert = commands.add_parser(
        "convert",
        help="save a trace in another format, or those of several processes as one",
        description="Save a trace in the format that the suffix of the file selects: .html,"
        " .parquet, .pftrace for Perfetto and others. Traces of several processes become one.",
    )
    convert.add_argument("files", nargs="+", metavar="FILE", help="a saved trace, or a pattern")
    convert.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="file to save it in; the suffix selects the format",
    )
    add_filter_options(convert)
    convert.set_defaults(command=_convert, parser=convert)


def _add_explain(commands: _Commands[Parser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="show which classes define a method, which call super(), and where a chain ends",
        description="Import a class, and show for each of its methods which classes of the MRO define"
        " it, which of them run, and whether each calls super(). No object is created.",
    )
    explain.add_argument("target", metavar="TARGET", help="the class, as package.module:Class")
    explain.add_argument(
        "-M",
        "--method",
        **method(
            default="__init__, __call__, call and forward, and the presets for Keras, PyTorch,"
            " scikit-learn and Django views"
        ),
    )
    explain.add_argument(
        "--format", choices=("text", "json", "mermaid"), default="text", help="(default: text)"
    )
    explain.set_defaults(command=_explain, parser=explain)


def _add_diff(commands: _Commands[Parser]) -> None:
    diff = commands.add_parser(
        "diff",
        help="show the differences between two saved traces",
        description="Compare two call trees, without times and numbers of objects. The exit"
        " code is 0 if they are equal, 1 if they differ and 2 for an error.",
    )
    diff.add_argument("before", metavar="A", help="a .jsonl trace, or a pattern of several")
    diff.add_argument("after", metavar="B", help="another")
    diff.add_argument(
        "--ignore",
        action="append",
        default=[],
        choices=("arguments", "result", "error"),
        help="aspect in which calls may differ (repeatable)",
    )
    diff.add_argument("--all", action="store_true", help="all differences, without a limit")
    diff.add_argument("--json", action="store_true", help="as JSON")
    diff.set_defaults(command=_diff, parser=diff)


def _add_startup(commands: _Commands[Parser]) -> None:
    enable = commands.add_parser(
        "enable-env",
        help="let CALLSCOPE trace programs that do not import callscope",
        description="Write a .pth file into this environment's site-packages, so that the variable"
        " CALLSCOPE has any program of this Python record its calls. Without the variable the file"
        " does nothing. Remove it with disable-env before callscope is uninstalled.",
    )
    enable.set_defaults(command=_enable_env, parser=enable)
    disable = commands.add_parser("disable-env", help="undo enable-env")
    disable.set_defaults(command=_disable_env, parser=disable)


def _enable_env(_: argparse.Namespace) -> int:
    from callscope.tools.cli import startup

    print(startup.enable())
    return 0


def _disable_env(_: argparse.Namespace) -> int:
    from callscope.tools.cli import startup

    print(startup.disable())
    return 0


def _demo(_: argparse.Namespace) -> int:
    from callscope.tools.cli.demo import show

    show()
    return 0


def _run(options: argparse.Namespace) -> int:
    from callscope.tools.cli.program import Program
    from callscope.tools.cli.run import run

    program = Program.from_arguments(options.module, options.code, options.script)
    return run(
        program,
        targets=listed(options.target),
        methods=None if options.method is None else listed(options.method),
        capture=options.capture,
        output=options.output,
        live=options.live,
        live_sites=options.filter,
        break_on=options.break_on,
        children=options.children,
        check=options.check,
        tree=TreeOptions.from_arguments(options),
    )


def _view(options: argparse.Namespace) -> int:
    from callscope.read.load import load_all

    of_calls = options.outline or options.summary or options.findings
    trace = filtered(load_all(options.files), options, for_tree=not of_calls)
    if options.outline:
        print(trace.outline())
    elif options.summary:
        print(trace.summary())
    elif options.findings:
        print(trace.findings())
    else:
        print(TreeOptions.from_arguments(options).text(trace))
    return 0


def _explain(options: argparse.Namespace) -> int:
    from callscope.tools.cli.explain import show

    methods = None if options.method is None else listed(options.method)
    show(options.target, methods, options.format)
    return 0


def _convert(options: argparse.Namespace) -> int:
    from callscope.read.formats import check_suffix
    from callscope.read.load import load_all

    check_suffix(options.output)
    trace = filtered(load_all(options.files), options)
    trace.save(options.output)
    calls, processes = len(trace), trace._processes()
    suffix = f" of {processes:,} processes" if processes > 1 else ""
    print(f"{calls:,} call{'' if calls == 1 else 's'}{suffix} saved to {one_line(options.output)}")
    return 0


def _diff(options: argparse.Namespace) -> int:
    from callscope.read.diff import diff
    from callscope.read.load import load

    difference = diff(load(options.before), load(options.after), ignore=options.ignore)
    if options.json:
        import json

        print(json.dumps(difference.to_dict(), indent=2))
    else:
        print(difference.text(None) if options.all else difference)
    return 1 if difference else 0
