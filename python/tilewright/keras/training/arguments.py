# SPDX-License-Identifier: Apache-2.0
"""Arguments of `fit` and its kin: unknown ones are answered with the near one, those of Keras 2 let be."""

from __future__ import annotations

import functools
import inspect

from tilewright.keras import registration

# Of Keras 2, for its own threads and processes: data is read ahead in any case.
_WITHOUT_EFFECT = ("max_queue_size", "use_multiprocessing", "workers")


def named(method):
    """The method of a model; a TypeError names an unknown argument and suggests the near one."""
    known = [name for name in inspect.signature(method).parameters if name != "self"]

    @functools.wraps(method)
    def called(self, *args, **kwargs):
        for name in [name for name in kwargs if name not in known]:
            if name not in _WITHOUT_EFFECT:
                raise TypeError(str(registration.unknown(f"{method.__name__}, argument", name, known)))
            kwargs.pop(name)
        return method(self, *args, **kwargs)

    return called
