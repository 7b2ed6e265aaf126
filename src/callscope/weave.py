"""Shadows into the dicts of classes, and out again exactly.

A `Plan` says what one recording wants. With each change of plans, of declarations or of the
classes in a hierarchy, the weaver works out which site wants which shadow and makes it so.
Attributes are set through `type.__setattr__`, for a metaclass may refuse or redirect it.
"""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.declare import TracedMeta
from callscope.hierarchy import (
    ClassRef,
    Site,
    class_ref,
    is_immutable,
    is_subclass,
    is_weakly_referable,
    mro,
    namespace,
)
from callscope.identity import identify_unwatched, identify_watched, release, release_all
from callscope.instrumentation import own_sites, present_methods
from callscope.options import CAPTURES, Options
from callscope.registry import REGISTRY, Declaration
from callscope.shadow import (
    ABSENT,
    Entry,
    Origin,
    Recipe,
    drop_own_frames,
    hand_back,
    hide,
    is_compiling,
    make_entry,
    when_in_play,
    without_callscope,
)
from callscope.tape.records import Layout
from callscope.tape.threads import TAPES
from callscope.tape.wanted import Asked

if TYPE_CHECKING:
    from callscope.options import Capture
    from callscope.tape.around import Around


class Plan:
    """What one recording wants woven.

    Args:
        declared: returns the hierarchies it wants, as they are at the moment.
        capture: how much of arguments and results is captured.
        redact: names of arguments that are hidden in addition to the default ones.
        is_live: tells whether each event of a site is delivered as it happens.
        around: what a sink does in the threads of calls.
        keeps: whether all calls are kept, whatever that sink says.
    """

    def __init__(
        self,
        declared: Callable[[], list[Declaration]],
        capture: Capture,
        redact: tuple[str, ...],
        *,
        is_live: Callable[[Site], bool],
        around: Around | None = None,
        keeps: bool = True,
    ) -> None:
        self.declared = declared
        self.sites: dict[Site, Asked] = {}
        """The sites it has asked for so far; its trace holds calls of these only."""
        self._capture: Capture = capture
        self._redact = redact
        self._is_live = is_live
        self._around = around
        self._keeps = keeps

    def want(self, cls: type, site: Site, options: Options) -> Recipe:
        """Ask for a site, and return what its shadow is to write for this recording."""
        # The least revealing of what the class says of itself and what is asked for.
        spoken = [options, *REGISTRY.own_options(cls)]
        captures: list[Capture] = [
            self._capture,
            *(o.capture for o in spoken if o.capture is not None),
        ]
        capture: Capture = min(captures, key=CAPTURES.index)
        redact = {*self._redact, *(name for o in spoken for name in o.redact)}
        self.sites[site] = Asked(capture, frozenset(redact))
        captured = () if capture == "none" else (capture,)
        compiles = is_compiling() is not None
        around = self._around
        return Recipe(
            captured,
            tuple(sorted(redact)),
            self._is_live(site),
            compiles,
            notes=around is not None,
            is_current=around is not None and around.makes_current,
            skips=around is not None and around.skips and not self._keeps,
        )


class _Woven(NamedTuple):
    """What stands in a class's dict by our doing; weakly, for the class may go at any time."""

    entry: weakref.ref[Entry]
    recipe: Recipe | None
    """What a shadow writes; None for a watcher."""

    def stands_in(self, cls: type, name: str) -> bool:
        """Tell whether it is what the class's dict holds now."""
        entry = self.entry()
        return entry is not None and namespace(cls).get(name) is entry.entry


class _Wanted:
    """What shall stand in the dicts of classes."""

    def __init__(self) -> None:
        self.shadows: dict[_Key, Recipe] = {}
        self.watchers: dict[_Key, Callable[[Any], Entry]] = {}
        self.watched: set[ClassRef] = set()
        """Classes whose objects take no weak reference, and tell of their end."""

    def add(self, cls: type, plan: Plan, declaration: Declaration, adopt: _Adopt) -> None:
        """Add what one recording wants of one class."""
        ref, root = class_ref(cls), declaration.root()
        for name, raw in present_methods(cls, declaration.options.methods):
            for method, reason in own_sites(cls, name, raw):
                if not reason:
                    recipe = plan.want(cls, ref.site(method), declaration.options)
                    self.shadows[ref, name] = recipe | self.shadows.get((ref, name), recipe)
        if is_immutable(cls):
            return
        # What is added to a protocol would count as a member of it.
        adds = cls is root and not namespace(cls).get("_is_protocol")
        # Wherever the root's would not be the first to run, for the first may not call super.
        # `isinstance` may ask a class for its `__class__`, and so its metaclass.
        is_told_of = is_subclass(type(cls), TracedMeta)
        if not is_told_of and (adds or _hides(cls, root, "__init_subclass__")):
            self.watchers[ref, "__init_subclass__"] = functools.partial(_watch_births, cls, adopt)
        if is_weakly_referable(cls):
            return
        if adds or _hides(cls, root, "__del__"):
            self.watchers[ref, "__del__"] = functools.partial(_watch_deaths, cls)
        if root is not None and not namespace(root).get("_is_protocol"):
            self.watched.add(ref)


def _hides(cls: type, root: type | None, name: str) -> bool:
    """Tell whether what the root has under a name is not what a class comes to first."""
    for base in mro(cls):
        if base is root:
            return False
        if name in namespace(base):
            return base is cls or (root is not None and not is_subclass(base, root))
    return False


_Key = tuple[ClassRef, str]
_Adopt = Callable[[type], None]


class Weaver:
    """Keeps classes as the present plans want them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._plans: list[Plan] = []
        self._woven: dict[_Key, list[_Woven]] = {}
        self._watched: set[ClassRef] = set()

    def __reduce__(self) -> str:
        return "WEAVER"

    def start_anew(self) -> None:
        """Take a new lock in a child process, for the old one may be held by a lost thread."""
        self._lock = threading.RLock()

    def begin(self, plan: Plan) -> None:
        """Weave what a recording wants."""
        when_in_play(self.reweave)
        with self._lock:
            self._plans.append(plan)
            try:
                self.reweave()
            except BaseException:
                self.end(plan)
                raise

    def end(self, plan: Plan) -> None:
        """Take out what nobody wants any more."""
        with self._lock:
            if plan in self._plans:
                self._plans.remove(plan)
            self.reweave()
            if not self._plans:
                release_all()
                TAPES.forget_objects()

    def reweave(self) -> None:
        """Make every class as the plans want it."""
        with self._lock:
            wanted = _Wanted()
            for plan in self._plans:
                for declaration in plan.declared():
                    for cls in declaration.classes():
                        wanted.add(cls, plan, declaration, self.adopt)
            for ref in self._watched - wanted.watched:
                ref.identify = identify_unwatched
            self._watched &= wanted.watched
            TAPES.forget_classes()
            for key in [*self._woven]:
                if key not in wanted.shadows and key not in wanted.watchers:
                    self._take_out(key)
            self._put_in(wanted)

    def adopt(self, cls: type) -> None:
        """Weave a class that has just been made, if a recording wants its hierarchy."""
        with self._lock:
            wanted = _Wanted()
            for plan in self._plans:
                for declaration in plan.declared():
                    root = declaration.root()
                    if root is not None and is_subclass(cls, root):
                        wanted.add(cls, plan, declaration, self.adopt)
            self._put_in(wanted)

    def codes_of(self, layout: Layout) -> Collection[types.CodeType]:
        """Return the code of what a shadow stands in for; nothing if that is no Python function."""
        with self._lock:
            entries = [
                woven.entry()
                for (ref, _), several in self._woven.items()
                for woven in several
                if ref is layout.site.defining
            ]
        return {
            original.__code__
            for entry in entries
            if entry is not None and layout in entry.layouts
            for _, original, _ in entry.looks
        }

    def _put_in(self, wanted: _Wanted) -> None:
        for key, recipe in wanted.shadows.items():
            ref, name = key
            shadow = functools.partial(make_entry, defining=ref, name=name, recipe=recipe)
            self._put(key, recipe, shadow)
        for key, make in wanted.watchers.items():
            self._put(key, None, make)
        for ref in wanted.watched:
            ref.identify = identify_watched
        self._watched |= wanted.watched
        TAPES.forget_classes()

    def _put(self, key: _Key, recipe: Recipe | None, make: Callable[[Any], Entry]) -> None:
        ref, name = key
        cls = ref()
        if cls is None:
            return
        woven = [w for w in self._woven.get(key, ()) if w.entry() is not None]
        if any(w.recipe == recipe and w.stands_in(cls, name) for w in woven):
            return
        earlier = [entry for w in woven if (entry := w.entry()) is not None]
        for entry in earlier:
            hand_back(entry)
        entry = make(without_callscope(namespace(cls).get(name, ABSENT)))
        if not any(w.stands_in(cls, name) for w in woven):
            # Somebody patched on top of ours, and may call it.
            entry.covers.extend(layout for below in earlier for layout in below.layouts)
        # Earlier ones stay on, for a thread may be about to run one, a patch may be taken off
        # again, and a bound method may have been kept.
        self._woven[key] = [*woven, _Woven(weakref.ref(entry), recipe)]
        entry.on.cell_contents = True
        type.__setattr__(cls, name, entry.entry)

    def _take_out(self, key: _Key) -> None:
        ref, name = key
        cls, woven = ref(), self._woven.pop(key)
        # If somebody patched on top, ours stays below, and passes straight through. One that is
        # not ours to switch off goes too: `cloudpickle` sets what it loads on the living class.
        if cls is not None:
            stands = namespace(cls).get(name, ABSENT)
            raw = without_callscope(stands)
            if raw is ABSENT and stands is not ABSENT:
                type.__delattr__(cls, name)
            elif raw is not stands:
                type.__setattr__(cls, name, raw)
        for entry in filter(None, (w.entry() for w in woven)):
            entry.on.cell_contents = False
            hand_back(entry)
        if name == "__del__":
            release_all()


def _watch_births(owner: type, adopt: _Adopt, raw: Any) -> Entry:
    """Make an `__init_subclass__` that does what the present one does, and then adopts."""
    record = Entry(raw)
    origin = Origin(record, raw)

    def __init_subclass__(cls: type, /, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            if origin.function is ABSENT:
                super(owner, cls).__init_subclass__(*args, **kwargs)  # type: ignore[arg-type]
            else:
                origin.function.__get__(None, cls)(*args, **kwargs)
        except BaseException as error:
            drop_own_frames(error)
            raise
        if origin.entry.on.cell_contents:
            adopt(cls)

    record.entry = classmethod(_like_inherited(owner, hide(__init_subclass__)))
    return record


def _watch_deaths(owner: type, raw: Any) -> Entry:
    """Make a `__del__` that does what the present one does, and then releases the identity."""
    record = Entry(raw)
    origin = Origin(record, raw)

    def __del__(self: object) -> None:  # noqa: N807
        try:
            if origin.function is not ABSENT:
                origin.function.__get__(self, type(self))()
            else:
                inherited = getattr(super(owner, self), "__del__", None)
                if inherited is not None:
                    inherited()
        except BaseException as error:
            drop_own_frames(error)
            raise
        finally:
            release(self)

    record.entry = _like_inherited(owner, hide(__del__))
    return record


def _like_inherited(owner: type, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function look like the method that it is put over, if that is written in Python."""
    name = function.__name__
    found = next((namespace(c)[name] for c in mro(owner) if name in namespace(c)), None)
    found = getattr(found, "__func__", found)
    return (
        functools.update_wrapper(function, found) if type(found) is types.FunctionType else function
    )


def rescan() -> None:
    """Weave what was added to recorded classes since they were made or the recording began.

    New subclasses are seen at once, and so is all that is added to a class of `TracedMeta`. For
    other classes, methods that are set later (as `dataclasses.dataclass` does), and subclasses
    that come into the world past every ``__init_subclass__`` of the hierarchy, are seen when the
    next recording begins, or when this is called.
    """
    WEAVER.reweave()


WEAVER: Final = Weaver()
REGISTRY.listen(WEAVER.reweave, WEAVER.adopt)
