"""The zoo: small programs of every kind, which must run and look the same while they are recorded.

Each case makes fresh classes and says what is done with them; `test_zoo.py` does it twice, bare and
traced, and compares all that can be seen. What may differ is a row of the table in
docs/what-tracing-changes.md, and is marked where it occurs.
"""

from zoo import (
    builtin_bases,
    class_makers,
    construction,
    copies,
    data_model,
    descriptors,
    exceptions,
    inheritance,
    introspection,
    messages,
    shapes,
    suspended,
)
from zoo.program import CASES, EVERYTHING, WRONG, Differs, has

__all__ = ["CASES", "EVERYTHING", "WRONG", "Differs", "has"]
