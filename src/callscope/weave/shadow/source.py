"""Generator of shadow source code. Functions of one signature get identical source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from callscope.introspect.signature import Kind, ShadowSpec, Signature
from callscope.introspect.summaries import MAX_STRING
from callscope.tape.engine import TAPE
from callscope.tape.records import Field
from callscope.weave.shadow.templates import (
    BEGIN_AROUND,
    CAPTURE_RESULT,
    CAPTURE_VALUE,
    FIND_RUNTIME,
    FIND_RUNTIME_IF_ANY,
    IF_UNSTARRED,
    IS_AKIN,
    LOCALS,
    NATIVE_RUN,
    NATIVE_SHADOW,
    PASS_ON,
    RUN,
    SHADOW,
    TAKE_ERROR_IF_RECORDED,
    WHILE_COMPILING,
    WHILE_OFF,
    WHILE_SKIPPED,
    WRITE_BEGIN_IF_RECORDED,
    WRITE_CAPTURED,
    Template,
    fill,
)

if TYPE_CHECKING:
    from callscope.introspect.sites import Binding


def spread(field: Field, captured: tuple[str, ...], *, is_hidden: bool) -> str:
    """Return the name of the `Capture` method for a starred parameter."""
    several = len(captured) > 1
    name = "boths" if several else "".join(captured)
    if is_hidden:
        name = "hidden_boths" if several else "hidden"
    return f"named_{name}" if field.kind == "var_keyword" else name


class Source:
    """Source of the shadows of one signature.

    Args:
        signature: signature of the functions to be shadowed.
        binding: how they bind in their classes.
        spec: spec of the shadows.
        hidden: names of the parameters whose values are hidden.
    """

    def __init__(
        self,
        signature: Signature,
        binding: Binding,
        spec: ShadowSpec,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self._signature = signature
        self.kind: Kind = signature.kind
        self.binding = binding
        self._spec = spec
        self._hidden = hidden
        positional = signature.positional_only + signature.positional
        self._bound: str | None = None
        if binding != "static" and (positional or signature.var_positional):
            self._bound = positional[0] if positional else f"{signature.var_positional}[0]"
        self._bound_in_args = self._bound is not None and not positional
        if signature.kind == "callable":
            self._bound = None if binding == "static" else "instance"
        self.fields: tuple[Field, ...] = tuple(self._fields())
        """Captured parameters: all except the bound object or class."""
        self.is_native = (
            signature.kind in NATIVE_RUN and not spec.notes and len(self.fields) <= TAPE.MOST_FIELDS
        )
        """True if a recorder of the tape in C writes the records."""
        self.is_placeable = (
            self.is_native
            and self.kind == "function"
            and not self._bound_in_args
            and len(signature.named) + 2 <= TAPE.MOST_FIELDS
        )
        """True if such a recorder needs no shadow, where calls can be recorded in place."""

    def _fields(self) -> Iterator[Field]:
        if not self._spec.captured:
            return
        p = self._signature
        if p.kind == "callable":
            yield Field("args", "var_positional")
            yield Field("kwargs", "var_keyword")
            return
        for name in (*p.positional_only, *p.positional):
            if name != self._bound:
                yield Field(name, "value")
        if p.var_positional:
            yield Field(p.var_positional, "var_positional")
        for name in p.keyword_only:
            yield Field(name, "value")
        if p.var_keyword:
            yield Field(p.var_keyword, "var_keyword")

    def text(self, cells: tuple[str, ...]) -> str:
        """Return a factory whose one inner function is the shadow.

        Args:
            cells: the names, without prefix, of the closure cells that the shadow may use.
        """
        names = {name: self._signature.prefix + name for name in (*cells, *LOCALS)}
        body = fill(NATIVE_SHADOW if self.is_native else SHADOW, **self._parts())
        body = Template(body).substitute(names)
        body = "".join(line for line in body.splitlines(keepends=True) if line.strip())
        parameters = [*(self._signature.prefix + name for name in cells), *self._signature.freevars]
        return f"def make({', '.join(parameters)}):\n{body}"

    def _parts(self) -> dict[str, str]:
        kind = self._signature.kind
        suspends = self._signature.is_suspendable
        captures = bool(self._spec.captured) and kind != "async generator"
        # An async generator cannot be delegated: switched off, it writes to a list nobody reads.
        find_tape = "$tape = $local.tape"
        if kind == "async generator":
            find_tape += " if $token is not None else []"
        return {
            "parameters": self._declaration(),
            # Never run; it makes these closure variables of the shadow.
            "name_freevars": f"if 0: {', '.join(['$origin', *self._signature.freevars])}",
            "while_compiling": self._while_compiling(),
            "def": "async def" if kind in ("coroutine", "async generator") else "def",
            "pass_through": self._fill(WHILE_OFF, pass_on=PASS_ON[kind]) if kind in PASS_ON else "",
            "make_token": f"$token = $new_token({self._is_recorded()})" if suspends else "",
            "begin_span": self._begin_span(),
            "make_current": "$outer = $resume_span($span)" if self._encloses else "",
            "end_span": f"$end_span($span, {'$outer' if self._encloses else 'None'})"
            if self._spec.is_current
            else "",
            "run": self._fill((NATIVE_RUN if self.is_native else RUN)[kind]),
            "write_end": "" if suspends else "$leave($result)",
            "open_tape": find_tape,
            # A suspended call may resume in another thread.
            "find_tape": find_tape if suspends else "",
            "return_result": "" if kind == "async generator" else "return $result",
            "find_runtime": self._find_runtime(),
            "write_begin": fill(WRITE_BEGIN_IF_RECORDED, begin=self._begin_record())
            if kind == "async generator"
            else self._begin_record(),
            "take_error": TAKE_ERROR_IF_RECORDED
            if kind == "async generator"
            else "$note_error($tape, $error)",
            "capture_result": fill(CAPTURE_RESULT, capture=self._capture("$result"))
            if captures
            else "",
            "write_return": WRITE_CAPTURED if captures else "$tape.append($time)",
            "go_live": "$drain()" if self._spec.live else "",
            # From Python 3.12 on, a thrown error holds the body's frame, and that holds this one.
            "forget": "$body = $act = None" if kind == "async generator" else "",
        }

    def _fill(self, text: str, /, **parts: str) -> str:
        return fill(
            fill(text, **parts),
            run_original=self._run_original(),
            is_recorded=self._is_recorded(),
            enter_values=", ".join(self._enter_values()),
            span_too=", span=$span" if self._spec.is_current else "",
        )

    def _is_recorded(self) -> str:
        """Return the condition under which a call is recorded."""
        # `def method(*args)`, called without any argument, has no object.
        parts = ["$on"]
        if self._bound_in_args:
            parts.append(str(self._signature.var_positional))
        if self._selects:
            on_class = self.binding == "class" and self._signature.kind != "callable"
            cls = f"{self._bound}" if on_class else f"$type({self._bound})"
            parts.append(fill(IS_AKIN, cls=cls) if self._bound else "False")
        return " and ".join(parts)

    @property
    def _selects(self) -> bool:
        """True if calls are recorded only on some objects."""
        return bool(self._spec.roots)

    def _while_compiling(self) -> str:
        p = self._signature
        if not self._spec.compiles or p.kind not in PASS_ON:
            return ""
        text = self._fill(WHILE_COMPILING, pass_on=PASS_ON[p.kind])
        tests = [
            f"$type({name}) is not ${kind}"
            for name, kind in ((p.var_positional, "tuple"), (p.var_keyword, "dict"))
            if name is not None
        ]
        if not tests or p.kind != "function":
            return text
        test, arguments = " or ".join(tests), ", ".join(p.parameters)
        return text + fill(IF_UNSTARRED, condition=test, arguments=arguments)

    @property
    def _encloses(self) -> bool:
        """True if the span stays current from the begin of a call to its end."""
        return self._spec.is_current and not self._signature.is_suspendable

    def _begin_span(self) -> str:
        if not self._spec.notes:
            return ""
        runtime = "None" if self._bound is None else "$runtime"
        time = "$time" if self._spec.is_current else "0"
        begin = f"$span = $begin_span($layout.site, {time}, {runtime})"
        if self._signature.kind == "async generator":
            begin += " if $token is not None else None"
        if self._spec.is_current:
            begin = fill(BEGIN_AROUND, begin=begin)
        if self._spec.skips and self._signature.kind in PASS_ON:
            pass_on = PASS_ON[self._signature.kind]
            begin += "\n        " + self._fill(WHILE_SKIPPED, pass_on=pass_on)
        return begin

    def _declaration(self) -> str:
        p = self._signature
        parts = [self._declared(name) for name in p.positional_only]
        if parts:
            parts.append("/")
        parts += [self._declared(name) for name in p.positional]
        if p.var_positional:
            parts.append(f"*{p.var_positional}")
        elif p.keyword_only:
            parts.append("*")
        parts += [self._declared(name) for name in p.keyword_only]
        if p.var_keyword:
            parts.append(f"**{p.var_keyword}")
        return ", ".join(parts)

    def _declared(self, name: str) -> str:
        # Only a placeholder: the function gets the original's own default objects.
        return f"{name}=None" if name in self._signature.defaulted else name

    def _run_original(self) -> str:
        p = self._signature
        if p.kind == "callable":
            return "wrapped(*args, **kwargs)"
        parts = [*p.positional_only, *p.positional]
        if p.var_positional:
            parts.append(f"*{p.var_positional}")
        parts += [f"{name}={name}" for name in p.keyword_only]
        if p.var_keyword:
            parts.append(f"**{p.var_keyword}")
        return f"$original({', '.join(parts)})"

    def _find_runtime(self) -> str:
        if self._bound is None:
            return ""
        on_class = self.binding == "class"
        return fill(
            FIND_RUNTIME_IF_ANY if self._signature.kind == "callable" else FIND_RUNTIME,
            bound=self._bound,
            cls=self._bound if on_class else f"$type({self._bound})",
            if_any=f"{self._signature.var_positional} and " if self._bound_in_args else "",
            find_ref="$class_ref_of_bound" if on_class else "$class_ref",
        )

    def _begin_record(self) -> str:
        return f"$tape += ({', '.join(self._begin())})"

    def _begin(self) -> list[str]:
        has_object = self._bound is not None and self.binding == "instance"
        identity = f"$runtime.identify({self._bound})" if has_object else "None"
        if has_object and self._signature.kind == "callable":
            identity = f"None if $runtime is None else {identity}"
        return [
            "$layout",
            identity,
            "None" if self._bound is None else "$runtime",
            *map(self._capture_field, self.fields),
            *(("$span",) if self._spec.notes else ()),
            *(("$token", "$task_name()") if self._signature.is_suspendable else ()),
            "$current.get()",
            "$time" if self._spec.is_current else "$clock()",
        ]

    def _capture_field(self, field: Field) -> str:
        name = field.name
        if field.kind != "value":
            argument = (
                f"{name}[1:]" if field.kind == "var_positional" and self._bound_in_args else name
            )
            return f"${self._spread(field)}({argument}) if {argument} else $OMITTED"
        captured = self._redacted() if name in self._hidden else self._capture(name)
        if name in self._signature.defaulted:
            return f"$OMITTED if {name} is $default_{name} else {captured}"
        return captured

    def _enter_values(self) -> Iterator[str]:
        """Yield the arguments of a recorder of the tape in C: the object and each raw field."""
        if self._bound is not None:
            yield self._bound
        for field in self.fields:
            is_cut = field.kind == "var_positional" and self._bound_in_args
            yield f"{field.name}[1:]" if is_cut else field.name

    @property
    def is_bound(self) -> bool:
        """True if the method is bound to an object or a class."""
        return self._bound is not None

    def _redacted(self) -> str:
        return "($REDACTED, $REDACTED)" if len(self._spec.captured) > 1 else "$REDACTED"

    def _spread(self, field: Field) -> str:
        return spread(field, self._spec.captured, is_hidden=field.name in self._hidden)

    def _capture(self, name: str) -> str:
        if len(self._spec.captured) > 1:
            return f"$both({name})"
        if self._spec.captured == ("types",):
            return f"$type_text({name})"
        return fill(CAPTURE_VALUE, name=name, longest=str(MAX_STRING))
