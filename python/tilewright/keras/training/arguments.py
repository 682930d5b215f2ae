# SPDX-License-Identifier: Apache-2.0
"""Arguments of `fit` and its kin: unknown ones are answered with the near one, those of Keras 2 let be."""

from __future__ import annotations

import functools

from tilewright.suggestion import check_arguments

# Of Keras 2, for its own threads and processes: data is read ahead in any case.
_WITHOUT_EFFECT = ("max_queue_size", "use_multiprocessing", "workers")


def named(method):
    """The method of a model; a TypeError names an unknown argument and suggests the near one."""

    @functools.wraps(method)
    def called(self, *args, **kwargs):
        kwargs = {name: value for name, value in kwargs.items() if name not in _WITHOUT_EFFECT}
        check_arguments(method.__name__, method, kwargs)
        return method(self, *args, **kwargs)

    return called
