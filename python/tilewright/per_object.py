# SPDX-License-Identifier: Apache-2.0
"""PerObject: a prepared function that is also a method, prepared apart for each object."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable


class PerObject:
    """Base of what wraps a `function` and keeps something of its calls. Objects are not kept alive by it."""

    def __init__(self, function: Callable):
        functools.update_wrapper(self, function)
        self._wrapped = function
        self._bound: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def _prepared_for(self, method: Callable) -> PerObject:
        """One like this for a function with the object already in place."""
        raise NotImplementedError

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        if instance not in self._bound:
            function, reference = self._wrapped, weakref.ref(instance)

            @functools.wraps(function)
            def method(*args, **kwargs):
                return function(reference(), *args, **kwargs)

            self._bound[instance] = self._prepared_for(method)
        return self._bound[instance]
