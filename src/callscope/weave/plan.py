"""Sites and shadows that one recording wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from callscope.declare.options import CAPTURES, Options
from callscope.declare.registry import Declaration
from callscope.introspect.sites import ClassRef, Site, Strangers, class_ref
from callscope.tape.decode.filter import SiteOptions
from callscope.weave.shadow import ShadowSpec, is_compiling

if TYPE_CHECKING:
    from callscope.declare.options import Capture
    from callscope.tape.context_hooks import ContextHook


class Recipe(NamedTuple):
    """Options by which the sites of one class are recorded."""

    spec: ShadowSpec
    options: SiteOptions


class Plan:
    """Weaving plan of one recording.

    Args:
        declared: returns the hierarchies it wants at the moment.
        capture: how much of arguments and results is captured.
        redact: names of arguments that are hidden in addition to the default ones.
        is_live: returns whether each event of a site is delivered as it happens.
        context_hook: context hook of a sink, which runs in the threads of calls.
        keeps: whether all calls are kept, whatever that sink decides.
    """

    def __init__(
        self,
        declared: Callable[[], list[Declaration]],
        capture: Capture,
        redact: tuple[str, ...],
        *,
        is_live: Callable[[Site], bool],
        context_hook: ContextHook | None = None,
        keeps: bool = True,
    ) -> None:
        self.declared = declared
        self.sites: dict[Site, SiteOptions] = {}
        """Sites requested so far; the trace holds calls of these only."""
        self._recipes: dict[tuple[tuple[Options, ...], bool], Recipe] = {}
        self._capture: Capture = capture
        self._redact = redact
        self._is_live = is_live
        self._context_hook = context_hook
        self._keeps = keeps

    def recipe(self, spoken: tuple[Options, ...]) -> Recipe:
        """Return how the sites of a class are recorded.

        Args:
            spoken: options of its hierarchy, and those that it and its bases declare themselves.
        """
        # torch may be imported meanwhile.
        key = spoken, is_compiling() is not None
        recipe = self._recipes.get(key)
        if recipe is None:
            recipe = self._recipes[key] = self._make_recipe(*key)
        return recipe

    def _make_recipe(self, spoken: tuple[Options, ...], compiles: bool) -> Recipe:  # noqa: FBT001
        # The least revealing of the recording's and the declarations' settings.
        captures: list[Capture] = [
            self._capture,
            *(o.capture for o in spoken if o.capture is not None),
        ]
        capture: Capture = min(captures, key=CAPTURES.index)
        redact = {*self._redact, *(name for o in spoken for name in o.redact)}
        hook = self._context_hook
        spec = ShadowSpec(
            () if capture == "none" else (capture,),
            tuple(sorted(redact)),
            compiles=compiles,
            notes=hook is not None,
            is_current=hook is not None and hook.makes_current,
            skips=hook is not None and hook.skips and not self._keeps,
        )
        return Recipe(spec, SiteOptions(capture, frozenset(redact)))

    def want(self, site: Site, recipe: Recipe, root: type | None = None) -> ShadowSpec:
        """Request a site, and return the shadow spec for this recording."""
        roots, is_live = self._roots(site, root), self._is_live(site)
        spec, options = recipe
        self.sites[site] = options._replace(strangers=Strangers(roots)) if roots else options
        return spec._replace(roots=roots, live=is_live) if roots or is_live else spec

    def _roots(self, site: Site, root: type | None) -> frozenset[ClassRef]:
        """Return the classes to whose objects calls of a site are restricted; none for all."""
        if root is None:
            return frozenset()
        options = self.sites.get(site)
        others = None if options is None else options.strangers
        if options is not None and others is None:
            return frozenset()
        return frozenset((class_ref(root), *(() if others is None else others.roots)))
