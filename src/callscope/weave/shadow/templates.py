"""Templates from which the source of a shadow is assembled."""

from __future__ import annotations

import re
import sys
from string import Template as AsciiTemplate
from typing import Final

from callscope.introspect.signature import Kind
from callscope.tape.engine import TAPE


class Template(AsciiTemplate):
    """Template whose names may be any identifiers, as parameter names may."""

    idpattern = r"[^\W\d]\w*"
    flags = re.UNICODE


def fill(text: str, /, **parts: str) -> str:
    """Return a template with some of its names filled in; the parts may contain further names."""
    return Template(text).safe_substitute(parts)


# `$name` is a name that the original does not use: a local variable if it is one of these, else a
# closure cell. After the `try`, the interpreter checks for no signal before the end of the call is
# on the tape, and the `except` branch writes it first: so no interrupt loses an end.
LOCALS: Final = frozenset(
    {
        *("tape", "runtime", "result", "time", "captured", "error", "error_code"),
        *("token", "body", "act", "yielded", "sent", "thrown", "span", "outer"),
    }
)
SHADOW: Final = f"""\
    $def shadow($parameters):
        nonlocal $seen
        $name_freevars
        $while_compiling
        $pass_through
        $make_token
        $open_tape
        if $len($tape) > {TAPE.LIMIT}:
            $drain()
        $find_runtime
        $begin_span
        $write_begin
        try:
            $make_current
            $go_live
            $run
            $time = $clock()
            $capture_result
        except $BaseException as $error:
            $find_tape
            $tape.append($RAISE)
            try:
                $take_error
            except $RecursionError:
                $error.__traceback__ = $error.__traceback__.tb_next
                $error_code = $AT_LIMIT if $type($error) is $RecursionError else $UNKNOWN_ERROR
                $tape += ($ERROR, $clock(), $error_code)
            $forget
            $end_span
            $go_live
            raise
        $find_tape
        $write_return
        $end_span
        $go_live
        $return_result
"""
# The same with the tape in C. An interrupt before or within `$enter` leaves no begin record; a
# later one comes when the `try` has begun.
NATIVE_SHADOW: Final = """\
    $def shadow($parameters):
        $name_freevars
        $while_compiling
        $pass_through
        try:
            $run
        except $BaseException as $error:
            $enter(error=$error)
            raise
        $write_end
        $return_result
"""
_WHILE: Final = """\
if $condition:
            try:
                $pass_on
            except $BaseException as $error:
                $drop_own_frames($error)
                raise"""
# By address: a metaclass may define `__hash__`.
IS_AKIN: Final = "$id($cls) not in $strange and ($id($cls) in $akin or $learn($cls))"
WHILE_OFF: Final = fill(_WHILE, condition="not ($is_recorded)")
WHILE_SKIPPED: Final = fill(_WHILE, condition="$span is $SKIPPED")
# The clock is read before the span is made: span and call begin at the same instant.
BEGIN_AROUND: Final = """\
$time = $clock()
        $outer = None
        $begin"""
# An async generator that is not recorded cannot be delegated, and has no token.
WRITE_BEGIN_IF_RECORDED: Final = """\
if $token is not None:
            $begin"""
TAKE_ERROR_IF_RECORDED: Final = """\
if $token is not None:
                    $note_error($tape, $error)
                else:
                    $drop_own_frames($error)"""
# First of all: then a compiler sees only this of the shadow.
WHILE_COMPILING: Final = """\
if $is_compiling():
            $pass_on"""
# torch.fx changes the shadow's code so that starred parameters hold values of its own.
IF_UNSTARRED: Final = """
        if $condition:
            return $unstarred($original)($arguments)"""
_DRIVE_ASYNC_GENERATOR: Final = """\
$body = $run_original
            $act = $partial($first_step, $body)
            while True:
                try:
                    $yielded = await $drive($act(), $token, as_current=True$span_too)
                except $StopAsyncIteration:
                    break
                $suspend($token)
                try:
                    $sent = yield $yielded
                except $GeneratorExit:
                    $act = None
                except $BaseException as $thrown:
                    $drop_own_frames($thrown)
                    $act = $partial($body.athrow, $thrown)
                else:
                    $act = $partial($body.asend, $sent)
                $resume($token)
                if $act is None:
                    await $body.aclose()
                    raise $GeneratorExit"""
# How a shadow runs each kind of function when switched on (RUN) and off (PASS_ON). An async
# generator cannot be delegated; switched off, it is driven as usual, without a token.
RUN: Final[dict[Kind, str]] = {
    "function": "$result = $run_original",
    "callable": "$result = $run_original",
    "generator": "$result = yield from $drive($run_original, $token, as_current=False$span_too)",
    "coroutine": "$result = await $drive($run_original, $token, as_current=True$span_too)",
    "async generator": _DRIVE_ASYNC_GENERATOR,
}


def _delegate(how: str) -> str:
    if sys.version_info < (3, 12):
        return f"$result = {how} $enter($run_original, $enter_values)"
    # From Python 3.12 on, the value of this expression would come from an exception.
    return f"""\
$body = $enter($run_original, $enter_values)
            {how} $body
            $result = $body.result"""


_NATIVE_DRIVE_ASYNC_GENERATOR: Final = """\
$body = $enter($run_original, $enter_values)
            if not ($is_recorded):
                $body.silence()
            await $body
            while $body.is_open:
                try:
                    $sent = yield $body.result
                except $GeneratorExit:
                    $body.aclose()
                except $BaseException as $thrown:
                    $enter(error=$thrown)
                    $body.athrow($thrown)
                else:
                    $body.asend($sent)
                await $body"""
# The same with the tape in C. What it returns for a generator or a coroutine writes all its records.
NATIVE_RUN: Final[dict[Kind, str]] = {
    "function": "$enter($enter_values)\n            $result = $run_original",
    "generator": _delegate("yield from"),
    "coroutine": _delegate("await"),
    "async generator": _NATIVE_DRIVE_ASYNC_GENERATOR,
}
PASS_ON: Final[dict[Kind, str]] = {
    "function": "return $run_original",
    "callable": "return $run_original",
    "generator": "return (yield from $run_original)",
    "coroutine": "return await $run_original",
}
FIND_RUNTIME: Final = """\
$runtime = $seen
        if $if_any$runtime() is not $cls:
            $runtime = $seen = $find_ref($cls)"""
# `wrapt` may pass no object.
FIND_RUNTIME_IF_ANY: Final = """\
$runtime = $seen
        if $bound is None:
            $runtime = None
        elif $runtime() is not $cls:
            $runtime = $seen = $find_ref($cls)"""
CAPTURE_RESULT: Final = "$captured = None if $result is None else $capture"
WRITE_CAPTURED: Final = """\
if $result is None:
            $tape.append($time)
        else:
            $tape += ($RESULT, $time, $captured)"""
# No set of types: looking up a class in one would run its metaclass's `__hash__`. No assignment
# expression: TensorFlow's AutoGraph, which converts shadows too, does not support them.
CAPTURE_VALUE: Final = (
    "($name if $name is None or $type($name) is $int or $type($name) is $float"
    " or $type($name) is $bool or $type($name) is $str and $len($name) <= $longest"
    " else $value($name))"
)
