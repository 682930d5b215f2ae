# SPDX-License-Identifier: Apache-2.0
"""Names: of classes in snake case, numbered so that each is used once, and the scopes that make paths."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from functools import wraps

_counts: dict[str, int] = {}
_thread = threading.local()


def to_snake_case(name: str) -> str:
    """ "MaxPooling2D" as "max_pooling2d"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """`prefix`, and from the second use on prefix_1, prefix_2 ..."""
    count = _counts.get(prefix, 0)
    _counts[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def auto_name(cls: type) -> str:
    """The next unused name for an object of a class."""
    return unique_name(to_snake_case(cls.__name__))


def name_may_come_first(add):
    """`add_weight` that takes Keras 2's order too, add_weight("kernel", shape=...): no shape is a string."""

    @wraps(add)
    def added(self, *args, **kwargs):
        if args and isinstance(args[0], str):
            args, kwargs = args[1:], {**kwargs, "name": args[0]}
        return add(self, *args, **kwargs)

    return added


def reset_names() -> None:
    """Numbering starts again."""
    _counts.clear()


def current_scope() -> tuple[str, ...]:
    """Names of the layers being built, outermost first."""
    return getattr(_thread, "scope", ())


@contextmanager
def name_scope(name: str):
    """Variables made inside get paths that start with `name`."""
    before = current_scope()
    _thread.scope = (*before, name)
    try:
        yield
    finally:
        _thread.scope = before
