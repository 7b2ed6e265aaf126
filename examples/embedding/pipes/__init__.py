"""A small library that ships its base class traced: see docs/embedding.md.

Its users write steps and put them in a `Pipeline`. What happens in there is the library's to say,
and callscope says it: by environment, by code, or by the library's own option ``explain=``.
"""

from pipes.steps import Pipeline, Step

__all__ = ["Pipeline", "Step"]
