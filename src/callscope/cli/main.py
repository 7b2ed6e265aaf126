"""The commands and their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from callscope._version import __version__
from callscope.errors import CallscopeError, one_line

USAGE_ERROR: Final = 2
"""Exit code for what was asked for wrongly; a traced program's own exit code is kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: what stands behind the program's name; by default those of the process.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return int(options.command(options))
    except CallscopeError as error:
        print(f"callscope: {error}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        # The reader of a pipe has left, as `head` does; nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callscope",
        description="Shows how objects are called: whose method runs, on which object, in what order.",
    )
    parser.add_argument("--version", action="version", version=f"callscope {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_view(commands)
    _add_convert(commands)
    _add_explain(commands)
    _add_diff(commands)
    return parser


_Commands = argparse._SubParsersAction  # the type that argparse gives no public name


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="trace a small example and explain what is seen")
    demo.set_defaults(command=_demo)


def _add_run(commands: _Commands[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a script or a module as python would, tracing some classes",
        usage="callscope run [-t TARGET ...] [-M METHOD ...] [-o FILE] [OPTIONS]"
        " (SCRIPT | -m MODULE | -c CODE) [ARGS ...]",
        description="Run a Python script, or with -m a module, as python itself would, and trace the"
        " hierarchies of the targets; without any, all classes that are declared with @traced. A"
        " script may also be a folder or an archive with a __main__.py, a .pyc file, or - for"
        " stdin. The exit code is the program's own.",
        allow_abbrev=False,
    )
    run.add_argument(
        "-t",
        "--target",
        action="append",
        default=[],
        metavar="TARGET",
        help="class whose hierarchy is traced, as package.module:Class; a class of the script"
        " itself is __main__:Class (repeatable); by default all classes that are declared",
    )
    run.add_argument(
        "-M",
        "--method",
        action="append",
        metavar="METHOD",
        help="name of a method, or a pattern; by default __init__, __call__ and call (repeatable)",
    )
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
        " .jsonl or .jsonl.gz file, each into a file of its own beside it",
    )
    run.add_argument(
        "--check",
        action="store_true",
        help="print what the trace shows to be mistakes, and exit with 1 if one is an error and the"
        " program itself exits with 0",
    )
    run.add_argument("--live", action="store_true", help="print calls to stderr as they happen")
    run.add_argument(
        "--filter",
        action="append",
        metavar="SITE",
        help="with --live, print calls of this site only, as Layer.call, or a pattern (repeatable)",
    )
    run.add_argument(
        "--break",
        dest="break_on",
        metavar="SITE",
        help="stop in the debugger at each call of this site, as Layer.call, or a pattern",
    )
    run.add_argument(
        "--capture",
        choices=("values", "types", "none"),
        default="values",
        help="how much of arguments and results is kept (default: values)",
    )
    # Kept as it is from here on: the rest belongs to the program.
    run.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE [ARGS ...]")
    run.add_argument("-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE [ARGS ...]")
    run.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT [ARGS ...]")
    run.set_defaults(command=_run)


def _add_view(commands: _Commands[argparse.ArgumentParser]) -> None:
    view = commands.add_parser("view", help="print a saved trace")
    view.add_argument(
        "files", nargs="+", metavar="FILE", help="a saved trace, or several of one program"
    )
    view.add_argument("--outline", action="store_true", help="without times: stable text for diffs")
    view.add_argument("--summary", action="store_true", help="calls and times per site")
    view.add_argument("--findings", action="store_true", help="mistakes, and what to do about them")
    view.add_argument("--all", action="store_true", help="all calls, however many there are")
    view.set_defaults(command=_view)


def _add_convert(commands: _Commands[argparse.ArgumentParser]) -> None:
    convert = commands.add_parser(
        "convert", help="save a trace in another format, or those of several processes as one"
    )
    convert.add_argument("files", nargs="+", metavar="FILE", help="a saved trace, or a pattern")
    convert.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="where to save it; by its suffix"
    )
    convert.set_defaults(command=_convert)


def _add_explain(commands: _Commands[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="say which class of a hierarchy defines what, who calls super(), where a chain ends",
        description="Import a class, and say of it, without making an object: for each method, which"
        " classes of the MRO define it, which of them run, and whether each calls super().",
    )
    explain.add_argument("target", metavar="TARGET", help="the class, as package.module:Class")
    explain.add_argument(
        "-M",
        "--method",
        action="append",
        metavar="METHOD",
        help="name of a method, or a pattern; by default __init__, __call__, call and forward, and"
        " what matters in Keras, PyTorch, scikit-learn and Django views (repeatable)",
    )
    explain.add_argument(
        "--format", choices=("text", "json", "mermaid"), default="text", help="(default: text)"
    )
    explain.set_defaults(command=_explain)


def _add_diff(commands: _Commands[argparse.ArgumentParser]) -> None:
    diff = commands.add_parser(
        "diff",
        help="say what differs between two saved traces",
        description="Compares two call trees, and neither times nor numbers of objects. The exit"
        " code is 0 if they are equal, 1 if they differ and 2 if something is wrong.",
    )
    diff.add_argument("before", metavar="A", help="a .jsonl trace, or a pattern of several")
    diff.add_argument("after", metavar="B", help="another")
    diff.add_argument(
        "--ignore",
        action="append",
        default=[],
        choices=("arguments", "result", "error"),
        help="what calls may differ in (repeatable)",
    )
    diff.add_argument("--all", action="store_true", help="all differences, however many there are")
    diff.add_argument("--json", action="store_true", help="as JSON")
    diff.set_defaults(command=_diff)


def _demo(_: argparse.Namespace) -> int:
    from callscope.cli.demo import show

    show()
    return 0


def _run(options: argparse.Namespace) -> int:
    from callscope.cli.program import Program
    from callscope.cli.run import run

    program = Program.from_arguments(options.module, options.code, options.script)
    return run(
        program,
        targets=options.target,
        methods=options.method,
        capture=options.capture,
        output=options.output,
        live=options.live,
        shown=options.filter,
        break_on=options.break_on,
        children=options.children,
        check=options.check,
    )


def _view(options: argparse.Namespace) -> int:
    from callscope.formats import load_all, tree

    trace = load_all(options.files)
    if options.outline:
        text = trace.outline()
    elif options.summary:
        text = str(trace.summary())
    elif options.findings:
        text = str(trace.findings())
    else:
        text = tree.tree(trace, max_lines=None if options.all else tree.MAX_LINES)
        if findings := trace.findings():
            text += f"\n\n{findings.brief()}"
    print(text)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from callscope.cli.explain import show

    show(options.target, options.method, options.format)
    return 0


def _convert(options: argparse.Namespace) -> int:
    from callscope.formats import check_suffix, load_all

    check_suffix(options.output)
    trace = load_all(options.files)
    trace.save(options.output)
    calls, processes = len(trace), len({call.pid for call in trace.calls})
    of = f" of {processes:,} processes" if processes > 1 else ""
    print(f"{calls:,} call{'' if calls == 1 else 's'}{of} saved to {one_line(options.output)}")
    return 0


def _diff(options: argparse.Namespace) -> int:
    from callscope.analyze.diff import diff
    from callscope.formats import load

    found = diff(load(options.before), load(options.after), ignore=options.ignore)
    if options.json:
        import json

        print(json.dumps(found.to_dict(), indent=2))
    else:
        print(found.text(None) if options.all else found)
    return 1 if found else 0
