"""The texts that the source of a shadow is put together from."""

from __future__ import annotations

import re
from string import Template as AsciiTemplate
from typing import Final

from callscope.introspect.signature import Kind
from callscope.tape.threads import LIMIT


class Template(AsciiTemplate):
    """A template whose names may be any identifiers, as those of parameters may."""

    idpattern = r"[^\W\d]\w*"
    flags = re.UNICODE


# `$name` stands for a name that the original does not use: a local variable if it is one of
# these, else a closure cell. What follows the `try` runs no instruction at which the interpreter
# looks for signals before the end is on the tape, and what the `except` branch does first is to
# write it there: so no interrupt makes an end go missing.
LOCALS: Final = frozenset(
    {
        *("tape", "runtime", "result", "time", "captured", "error", "known"),
        *("token", "body", "act", "yielded", "sent", "thrown", "entered", "outer"),
    }
)
SHADOW: Final = Template(f"""\
    $def shadow($parameters):
        nonlocal $seen
        $name_freevars
        $while_compiling
        $pass_through
        $make_token
        $open_tape
        if $len($tape) > {LIMIT}:
            $drain()
        $find_runtime
        $begin_around
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
                $known = $AT_LIMIT if $type($error) is $RecursionError else $UNKNOWN_ERROR
                $tape += ($ERROR, $clock(), $known)
            $forget
            $end_around
            $go_live
            raise
        $find_tape
        $write_return
        $end_around
        $go_live
        $return_result
""")
# The same where the tape in C does it. An interrupt within `$enter` leaves no begin behind, nor
# does one before it; and one after it comes when the `try` has begun.
NATIVE_SHADOW: Final = Template("""\
    def shadow($parameters):
        $name_freevars
        $while_compiling
        $pass_through
        try:
            $enter($entered)
            $run
        except $BaseException as $error:
            $enter(error=$error)
            raise
        $leave($result)
        return $result
""")
_WHILE: Final = """\
if $condition:
            try:
                $pass_on
            except $BaseException as $error:
                $drop_own_frames($error)
                raise"""
# By the address, for a metaclass may have a `__hash__` of its own.
IS_AKIN: Final = "$id({0}) not in $strange and ($id({0}) in $akin or $learn({0}))"
WHILE_OFF: Final = _WHILE.replace("$condition", "not ($is_recorded)")
WHILE_SKIPPED: Final = _WHILE.replace("$condition", "$entered is $SKIPPED")
# A call that is to be current begins before that is made: it and the call begin at one instant.
BEGIN_AROUND: Final = """\
$time = $clock()
        $outer = None
        {}"""
# An async generator that is not recorded cannot pass itself on, and has no token.
WRITE_BEGIN_IF_RECORDED: Final = """\
if $token is not None:
            {}"""
TAKE_ERROR_IF_RECORDED: Final = """\
if $token is not None:
                    $note_error($tape, $error)
                else:
                    $drop_own_frames($error)"""
# Before all else: what a compiler sees of the shadow is then only this.
WHILE_COMPILING: Final = """\
if $is_compiling():
            $pass_on"""
# torch.fx changes the shadow's code so that what stars take are values of its own.
IF_UNSTARRED: Final = """
        if $condition:
            return $unstarred($original)($arguments)"""
_DRIVE_ASYNC_GENERATOR: Final = """\
$body = $run_original
            $act = $partial($first_step, $body)
            while True:
                try:
                    $yielded = await $drive($act(), $token, as_current=True$entered_too)
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
# How each kind of function is run by its shadow, and how one that is switched off passes it on.
# An async generator cannot pass itself on; switched off, it is driven all the same, without token.
RUN: Final[dict[Kind, str]] = {
    "function": "$result = $run_original",
    "callable": "$result = $run_original",
    "generator": "$result = yield from $drive($run_original, $token, as_current=False$entered_too)",
    "coroutine": "$result = await $drive($run_original, $token, as_current=True$entered_too)",
    "async generator": _DRIVE_ASYNC_GENERATOR,
}
PASS_ON: Final[dict[Kind, str]] = {
    "function": "return $run_original",
    "callable": "return $run_original",
    "generator": "return (yield from $run_original)",
    "coroutine": "return await $run_original",
}
FIND_RUNTIME: Final = """\
$runtime = $seen
        if {if_any}$runtime() is not {found}:
            $runtime = $seen = ${class_ref}({found})"""
# `wrapt` may know of no object.
FIND_RUNTIME_IF_ANY: Final = """\
$runtime = $seen
        if {bound} is None:
            $runtime = None
        elif $runtime() is not {found}:
            $runtime = $seen = ${class_ref}({found})"""
CAPTURE_RESULT: Final = "$captured = None if $result is None else {}"
WRITE_CAPTURED: Final = """\
if $result is None:
            $tape.append($time)
        else:
            $tape += ($RESULT, $time, $captured)"""
# No set of types: looking a class up in one would run its metaclass's `__hash__`. No assignment
# expression: TensorFlow's AutoGraph, which converts shadows too, knows none.
CAPTURE_VALUE: Final = (
    "({name} if {name} is None or $type({name}) is $int or $type({name}) is $float"
    " or $type({name}) is $bool or $type({name}) is $str and $len({name}) <= {longest}"
    " else $value({name}))"
)
