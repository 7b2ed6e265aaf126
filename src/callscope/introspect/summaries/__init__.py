"""Bounded, redacted, never-raising summaries of values.

A summary is read from a value's structure. It never calls `__repr__`, `__str__`, `__len__`,
`__iter__`, `__bool__`, `__eq__`, `__hash__` or `__getattr__` of a class that callscope does not
know: each may be slow, have side effects (the `repr` of a Django `QuerySet` runs a query), or meet
a partly built object.
"""

from callscope.introspect.summaries.arrays import plain_array
from callscope.introspect.summaries.secrets import REDACTED, scrubbed
from callscope.introspect.summaries.summarizer import (
    ObjectMark,
    Summarizer,
    cached_type,
    summarizer,
    type_name,
)
from callscope.introspect.summaries.writers import MAX_STRING, bounded

__all__ = [
    "MAX_STRING",
    "REDACTED",
    "ObjectMark",
    "Summarizer",
    "bounded",
    "cached_type",
    "plain_array",
    "scrubbed",
    "summarizer",
    "type_name",
]
