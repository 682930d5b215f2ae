# SPDX-License-Identifier: Apache-2.0
"""`with tw.debug.find_nan():` around any code: stops at the first operation that gives NaN, and names it."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

import numpy as np

from tilewright import _cpu, autograd, backend, recording
from tilewright.suggestion import missing


@dataclass(frozen=True)
class NanFound:
    """What `find_nan` found: the operation, where it ran, and which argument had NaN before, if one had."""

    operation: str
    where: str
    shape: tuple[int, ...]
    position: tuple[int, ...]
    received: str | None  # the argument that held NaN already
    infinity: str | None  # the first operation before it that gave an infinity


class find_nan(contextlib.ContextDecorator):
    """Inside, every operation of this thread is looked at; the first one with NaN in its result raises.

    The error names the operation, its layer (or the layer whose gradient it computes), the shape and the
    first position, and whether an argument held NaN already: then data or weights did. Steps are not replayed
    meanwhile and every result is read, so this is slow: a tool for looking, not for training with.

    Parameters
        raise_error : False goes on, and leaves the finding in `found`
    Raises    FloatingPointError, where NaN is found
    Examples
        >>> import numpy as np, tilewright as tw
        >>> with tw.debug.find_nan(raise_error=False) as search:
        ...     y = tw.ops.log(np.array([1.0, -1.0], np.float32)) + 1
        >>> search.found.operation, search.found.position
        ('unary log', (1,))
    """

    def __init__(self, raise_error: bool = True):
        self.raise_error = raise_error
        self.found: NanFound | None = None

    def __enter__(self) -> find_nan:
        from tilewright.keras.layers import Layer

        self.found, self._infinity = None, None
        self._places: list[str] = []
        self._thread = threading.get_ident()
        self._before = (backend._host, recording._enabled, autograd._traced, Layer.__call__)
        host, _, traced, call = self._before
        search = self

        def traced_in_place(y, inputs, gradient):
            place = search._place()
            if gradient is None or place is None:
                return traced(y, inputs, gradient)

            def placed(*args):
                with search._in(f"the gradient of {place}"):
                    return gradient(*args)

            return traced(y, inputs, placed)

        def call_in_place(layer, *args, **kwargs):
            with search._in(f"layer {layer.name} ({type(layer).__name__})"):
                return call(layer, *args, **kwargs)

        backend.set_host(_Watched(host, self))
        recording._enabled, autograd._traced, Layer.__call__ = False, traced_in_place, call_in_place
        return self

    def __exit__(self, *_) -> None:
        from tilewright.keras.layers import Layer

        host, recording._enabled, autograd._traced, Layer.__call__ = self._before
        backend.set_host(host)

    @contextlib.contextmanager
    def _in(self, place: str):
        self._places.append(place)
        try:
            yield
        finally:
            self._places.pop()

    def _place(self) -> str | None:
        return self._places[-1] if self._places else None

    def _look(self, operation: str, function, args, kwargs):
        """Runs one operation; NaN in its first array, the destination, is the finding."""
        if self.found is not None or threading.get_ident() != self._thread:
            return function(*args, **kwargs)
        named = list(_arrays(args))
        before = [(name, a, int(np.isnan(a).sum())) for name, a in named[1:]]
        result = function(*args, **kwargs)
        if not named:
            return result
        where = self._place() or "no layer (a loss, a metric, the optimizer, or the program itself)"
        destinations = [a for name, a in named if name.partition("[")[0] == named[0][0].partition("[")[0]]
        bad = next((a for a in destinations if np.isnan(a).any()), None)
        if bad is None:
            if self._infinity is None and any(np.isinf(a).any() for a in destinations):
                self._infinity = f"{operation} in {where}"
            return result
        received = next((name for name, a, n in before if n and n == int(np.isnan(a).sum())), None)
        operation = " ".join(
            [operation, *(a for a in args if isinstance(a, str))]
        )  # which function of a family
        position = tuple(int(i) for i in np.argwhere(np.isnan(bad))[0])
        self.found = NanFound(operation, where, bad.shape, position, received, self._infinity)
        if self.raise_error:
            raise FloatingPointError(f"[find_nan] {self.message()}")
        return result

    def message(self) -> str:
        """The finding in words."""
        f = self.found
        if f is None:
            return "no operation gave NaN"
        text = f"{f.operation} in {f.where} gave NaN: shape {f.shape}, first at {f.position}; "
        if f.received is not None:
            return text + f"its {f.received} held NaN already, so the data or the weights do"
        text += "its arguments held none"
        return text + (f"; the first infinity came from {f.infinity}" if f.infinity is not None else "")


class _Watched:
    """An extension module whose operations are looked at."""

    def __init__(self, module, search: find_nan):
        self._module, self._search = module, search
        self._operations = {entry["name"] for entry in _cpu.operations()}

    def __getattr__(self, name: str):
        function = getattr(self._module, name)
        if name.endswith("_plain"):
            return lambda *args: None  # the long way calls an operation
        if name not in self._operations:
            return function
        return lambda *args, **kwargs: self._search._look(name, function, args, kwargs)


def _arrays(args):
    """Float arrays among arguments, those of lists too, by the number of the argument."""
    for i, value in enumerate(args):
        parts = value if isinstance(value, (list, tuple)) else (value,)
        for j, part in enumerate(parts):
            if isinstance(part, np.ndarray) and part.dtype.kind == "f":
                yield f"argument {i}[{j}]" if parts is value else f"argument {i}", part


__getattr__ = missing(__name__)
