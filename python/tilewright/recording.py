# SPDX-License-Identifier: Apache-2.0
"""`tw.record`: a step is run by Python a few times, written down, and from then on repeated without Python.

The first call with given shapes runs as always, the second and third are written down: every call of the
engine with its arguments. When both make the same calls on the same arrays, later calls copy their inputs to
where the recorded ones were, repeat the calls in C++ and copy the results out. What may differ from step to
step must live in arrays: inputs, and variables that are changed in place. What cannot be repeated (a value
read by Python in the middle of the step) stays as it was, run by Python, and is said once.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tilewright import _cpu, autograd, backend
from tilewright.autograd import Tensor
from tilewright.call_template import build, same, split
from tilewright.per_object import PerObject
from tilewright.step_memory import Arena

_log = logging.getLogger("tilewright")
_enabled = os.environ.get("TILEWRIGHT_RECORD", "1") != "0"
# Beyond so many shapes the one used longest ago is forgotten.
_MAX_SHAPES = 16
# Runs that differ from the one before, until a step counts as one that cannot be repeated.
_MAX_DIFFERENCES = 4
_all: weakref.WeakSet[Recorded] = weakref.WeakSet()
_version = 0


def note_change() -> None:
    """Something that Python reads in a step has changed: every recording is checked by one run of Python.

    Layers, optimizers and variables call it when an attribute is set; call it after changing what they cannot
    see.
    """
    global _version
    _version += 1


def note_attribute(owner, name: str, value) -> None:
    """`note_change` for an attribute about to be set, unless it has that value already."""
    if isinstance(getattr(type(owner), name, None), property):
        return  # its setter sets attributes in turn
    before = owner.__dict__.get(name, owner)
    if before is not value and not (type(before) is type(value) in _PLAIN and before == value):
        note_change()


_PLAIN = (bool, int, float, str)


class _Watch(threading.local):
    """The run being written down in this thread, if any."""

    running = False
    recorder = memory = None
    reason: str | None = None
    before: list  # what Python does before each step


_watch = _Watch()


def active() -> bool:
    """Whether a step is being written down in this thread."""
    return _watch.running


def _value_read(how: str) -> None:
    if _watch.running and _watch.reason is None:
        _watch.reason = f"it reads a value ({how}), on which Python may then depend"


autograd.watch_reads(_value_read)


def each_step(action: Callable[[], None]) -> None:
    """Does `action` now, and again before each replay of the step being written down.

    For the little that Python must do at every step, as setting a learning rate from a schedule; its calls
    are not part of the recording, and it must not depend on what the step computes before it.
    """
    if not _watch.running:
        action()
        return
    if action in _watch.before and _watch.reason is None:
        _watch.reason = "Python has to act twice within it (a schedule read by two updates)"
    _watch.before.append(action)
    _watch.recorder.stop()
    _watch.running = False
    try:
        with _watch.memory.aside():
            action()
    finally:
        _watch.running = True
        _watch.recorder.resume()


@dataclass
class RecordStats:
    """What became of one recorded function with one set of shapes."""

    name: str
    inputs: str  # shapes and dtypes
    replayed: int  # steps without Python
    recorded: int  # steps written down, or checked against what was written down
    eager: int  # steps run as if there were no recording
    calls: int  # operations in the recording, 0 when there is none
    arena_bytes: int  # memory of all recordings that share this one's arena
    intermediate_bytes: int  # what the arrays of this step would take without sharing
    reason: str | None  # why it is not replayed


class _Shape:
    """The recordings of one set of input shapes."""

    def __init__(self, leaves):
        self.inputs = ", ".join(f"{x.dtype}{x.shape}" for x in leaves)
        self.batch_size = leaves[0].shape[0] if leaves and leaves[0].ndim else 0
        self.recording = None
        self.template = None  # how the results nest
        self.before: list = []  # what Python does before each step
        self.chosen = None  # by the Recorded's `key`
        self.trusted = False
        # Python reads texts: they are no numbers that the engine could read.
        self.reason: str | None = (
            "an input holds text" if any(x.dtype.kind in "USO" for x in leaves) else None
        )
        self.version = -1
        self.seen = self.replayed = self.recorded = self.eager = self.differences = 0


class Recorded(PerObject):
    """A function whose calls are recorded and replayed. Made by `record`.

    Parameters
        function : called with Tensors where arrays are given, and with all else as it is
        name : for messages and statistics
        arena : memory shared with other Recordeds that never run at the same time; an own one where None
        key : called at each call; another (hashable) result means another recording
    """

    def __init__(self, function: Callable, name: str | None = None, arena=None, key: Callable | None = None):
        super().__init__(function)
        self.function = function
        self.name = name or getattr(function, "__qualname__", type(function).__name__)
        self._arena = Arena() if arena is None else arena
        self._key = key
        self._shapes: OrderedDict = OrderedDict()
        self._lock = threading.Lock()
        self._told = False
        self.last: _Shape | None = None  # of the latest call
        _all.add(self)

    def _prepared_for(self, method: Callable) -> Recorded:
        return Recorded(method, self.name, key=self._key)

    def __reduce__(self):  # a copy starts without recordings
        return Recorded, (self.function, self.name, None, self._key)

    def __call__(self, *args, **kwargs):
        leaves: list = []
        static: list = []
        template = split((args, kwargs), leaves, static)
        if not _enabled or _watch.running or autograd.recording() or not self._lock.acquire(blocking=False):
            return self._call(template, leaves)
        try:
            shape = self.last = self._shape_of(leaves, static)
            if shape.trusted and shape.version == _version:
                shape.replayed += 1
                for action in shape.before:
                    action()
                return build(shape.template, [Tensor(y) for y in shape.recording.replay(leaves)])
            shape.seen += 1
            if shape.reason is not None or shape.seen == 1:
                shape.eager += 1
                return self._call(template, leaves)
            return self._write_down(shape, template, leaves)
        finally:
            self._lock.release()

    def repeats(self, shape: _Shape) -> bool:
        """Whether the next call with such inputs is a replay."""
        chosen = self._key() if self._key is not None else None
        return _enabled and shape.trusted and shape.version == _version and shape.chosen == chosen

    def replay_steps(self, shape: _Shape, feeds: list, steps: int) -> None:
        """Repeats a step without results many times, its inputs taken from rows of larger arrays.

        Parameters
            shape : `last` after a call that is to be repeated
            feeds : (input number, source (samples, ...), ids (steps, rows) int64) for each input, all in C
                order
        """
        with self._lock:
            if not shape.before:
                shape.recording.replay_steps(feeds, steps)
            else:
                for step in range(steps):
                    for action in shape.before:
                        action()
                    one = [(port, source, ids[step : step + 1]) for port, source, ids in feeds]
                    shape.recording.replay_steps(one, 1)
            shape.replayed += steps

    def forget(self) -> None:
        """Drops all recordings."""
        with self._lock:
            self._shapes.clear()

    def stats(self) -> list[RecordStats]:
        """One row a set of shapes, in the order of their first use."""
        own = [
            RecordStats(
                self.name,
                s.inputs,
                s.replayed,
                s.recorded,
                s.eager,
                s.recording.calls if s.recording is not None else 0,
                self._arena.bytes,
                s.recording.requested_bytes if s.recording is not None else 0,
                s.reason,
            )
            for s in self._shapes.values()
        ]
        return own + [row for bound in self._bound.values() for row in bound.stats()]

    # ---- one run

    def _call(self, template, leaves):
        args, kwargs = build(template, [Tensor(backend.on_device(x)) for x in leaves])
        return self.function(*args, **kwargs)

    def _shape_of(self, leaves, static) -> _Shape:
        arrays = tuple((x.shape, x.dtype.char) for x in leaves)
        try:
            chosen = self._key() if self._key is not None else None
            key = (arrays, tuple(static), backend.device(), chosen)
            shape = self._shapes.get(key)
        except TypeError:  # an argument that cannot be a key: never recorded
            shape = _Shape(leaves)
            shape.reason = "an argument is neither an array nor hashable"
            return shape
        if shape is None:
            shape = self._shapes[key] = _Shape(leaves)
            shape.chosen = chosen
            if len(self._shapes) > _MAX_SHAPES:
                self._shapes.popitem(last=False)
        else:
            self._shapes.move_to_end(key)
        return shape

    def _write_down(self, shape: _Shape, template, leaves):
        """Runs the step by Python, writing it down; gives its results in memory of their own."""
        memory = self._arena.on(backend.device())
        recorder = _cpu.Recorder(memory.arena)
        with memory.writing():
            recorder.start()
            _watch.running, _watch.recorder, _watch.memory = True, recorder, memory
            _watch.reason, _watch.before = None, []
            try:
                inputs = [backend.empty(x.shape, x.dtype) for x in leaves]
                for y, x in zip(inputs, leaves, strict=True):
                    backend.copy_values(y, x)
                args, kwargs = build(template, [Tensor(x) for x in inputs])
                results = self.function(*args, **kwargs)
            finally:
                recorder.stop()
                reason, before = _watch.reason, _watch.before
                _watch.running, _watch.recorder, _watch.memory = False, None, None
        arrays: list = []
        constants: list = []
        nested = split(results, arrays, constants)
        del results
        recording = memory.finish(recorder, inputs, arrays)
        shape.recorded += 1
        copies = [Tensor(y.copy()) for y in arrays]
        if reason is None:
            reason = self._compare(shape, recording, nested)
        if reason is not None:
            self._give_up(shape, reason)
        shape.version, shape.before = _version, before
        return build(nested, copies)

    def _compare(self, shape: _Shape, recording, template) -> str | None:
        """Takes the recording over; gives the reason when runs keep differing."""
        if shape.recording is not None:
            difference = shape.recording.difference(recording)
            if difference is None and not same(shape.template, template):
                difference = "its results are other Python values in each run"
            shape.trusted = difference is None
            shape.differences = 0 if shape.trusted else shape.differences + 1
            if shape.differences >= _MAX_DIFFERENCES:
                return difference
        shape.recording, shape.template = recording, template
        return None

    def _give_up(self, shape: _Shape, reason: str) -> None:
        shape.reason, shape.recording, shape.trusted = reason, None, False
        if not self._told:
            self._told = True
            _log.warning("%s is not replayed but run by Python in every step: %s", self.name, reason)


def record(function: Callable | None = None, *, name: str | None = None):
    """Makes a step that is written down while it runs and repeated in C++ from its fourth call on.

    Parameters
        function : the step; arrays among its arguments (also nested in tuples, lists and dicts) reach it as
            Tensors. Other arguments select a recording of their own, as array shapes and dtypes do.
        name : for messages and `record.stats()`
    Returns   Recorded, to call in the function's place, with the function's results bit for bit
    Raises    what the function raises; values out of range are found in replays too
    Notes     Python code in the step runs only while it is written down. Whatever changes between steps must
              be an argument or a Variable; `recording.note_change()` asks for a new look at the rest. Under
              an open GradientTape the function runs as it is.
    Examples
        >>> import numpy as np, tilewright as tw
        >>> w = tw.Variable(np.ones(3, np.float32))
        >>> @tw.record
        ... def step(x):
        ...     w.assign_add(x)
        ...     return w * 2
        >>> for i in range(5):
        ...     y = step(np.full(3, i, np.float32))
        >>> y.numpy()
        array([22., 22., 22.], dtype=float32)
        >>> [(row.replayed, row.recorded) for row in step.stats()]
        [(2, 2)]
    """
    if function is None:
        return functools.partial(record, name=name)
    if not callable(function):
        raise TypeError(f"[record] function is a {type(function).__name__}, expected something to call")
    return Recorded(function, name)


def stats() -> list[RecordStats]:
    """What became of every recorded function alive: one row for each set of input shapes."""
    return [row for recorded in list(_all) if recorded._shapes for row in recorded.stats()]


record.stats = stats
