# SPDX-License-Identifier: Apache-2.0
"""GradientTape: what was noted while it was open is gone through backwards, from targets to sources.

A node is visited once all that flows into it has been added up; only nodes from which a source can be reached
are asked for gradients. (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3.)
"""

from __future__ import annotations

from collections.abc import Callable

from tilewright import nest
from tilewright.autograd import Node, Tensor, next_order, open_tapes, raw, result, tracked

# Filled by tilewright.ops, which is built on this module.
_ops: dict[str, Callable] = {}


def use_operations(**operations: Callable) -> None:
    """Gives tapes the operations they need themselves: add, ones_like, zeros_like."""
    _ops.update(operations)


class GradientTape:
    """Records operations on watched Tensors for differentiation, as TensorFlow's tape does.

    Parameters
        persistent : `gradient` may be called more than once
        watch_accessed_variables : trainable variables are watched by themselves

    Examples
        >>> import numpy as np, tilewright as tw
        >>> x = tw.Tensor(np.array([3.0], np.float32))
        >>> with tw.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).numpy()
        array([6.], dtype=float32)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watch_variables = persistent, watch_accessed_variables
        self._watched: dict[int, Tensor] = {}
        self._start = self._stop = None
        self._used = False

    def __enter__(self):
        if self in open_tapes():
            raise RuntimeError("[GradientTape] the tape is open already")
        self._start, self._stop, self._used = self._start or next_order(), None, False
        open_tapes().append(self)
        return self

    def __exit__(self, *_):
        open_tapes().remove(self)
        self._stop = next_order()

    def watch(self, tensor) -> None:
        """Tracks `tensor` (or each of a list) from here on. Raises TypeError for what is no float Tensor."""
        for t in tensor if isinstance(tensor, (list, tuple)) else (tensor,):
            if not isinstance(t, Tensor):
                raise TypeError(f"[GradientTape.watch] tensor is a {type(t).__name__}, expected a Tensor")
            if t.dtype.kind not in "fV":
                raise TypeError(f"[GradientTape.watch] tensor has dtype {t.dtype}, expected a float dtype")
            if t.node is None:
                t.node = Node(leaf=t.array.shape)
            self._watched[id(t)] = t

    def watched(self) -> tuple[Tensor, ...]:
        """The Tensors given to `watch`, in order."""
        return tuple(self._watched.values())

    def reset(self) -> None:
        """Forgets everything recorded so far."""
        self._start, self._watched = next_order(), {}

    def stop_recording(self):
        """A context in which this tape records nothing."""
        return _Paused(self)

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients: str = "none"):
        """Gradients of the sum of `target` by each of `sources`.

        Parameters
            target : Tensor, or a list, tuple or dict of Tensors whose gradients are added
            sources : Tensor, or a list, tuple or dict of Tensors
            output_gradients : array or list of arrays like `target`; ones where None
            unconnected_gradients : "none" gives None where no path leads to a source, "zero" zeros
        Returns   Tensors nested like `sources`
        Raises    RuntimeError: a second call on a tape that is not persistent.  TypeError: a target or source
                  that is no Tensor.  ValueError: an output gradient of another shape, an unknown mode.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "[GradientTape.gradient] a tape that is not persistent gives gradients once; "
                "use GradientTape(persistent=True)"
            )
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                f"[GradientTape.gradient] unconnected_gradients is {unconnected_gradients!r}, expected "
                "'none' or 'zero'"
            )
        targets, flat = nest.leaves(target), nest.leaves(sources)
        for name, tensors in (("target", targets), ("sources", flat)):
            for t in tensors:
                if not isinstance(t, Tensor):
                    raise TypeError(
                        f"[GradientTape.gradient] {name} holds a {type(t).__name__}, expected a Tensor"
                    )
        self._used = True
        pending = self._seed(targets, output_gradients)
        if self in open_tapes() and not self._persistent:
            with self.stop_recording():
                found = self._propagate(pending, flat)
        else:
            found = self._propagate(pending, flat)
        if unconnected_gradients == "zero":
            found = [
                _ops["zeros_like"](Tensor(s.array)) if g is None else g
                for g, s in zip(found, flat, strict=True)
            ]
        return nest.pack(sources, found)

    def _seed(self, targets, output_gradients):
        """What flows in at the targets: {(node, index): gradient}."""
        if output_gradients is None or not isinstance(output_gradients, (list, tuple)):
            output_gradients = [output_gradients] * len(targets)
        if len(output_gradients) != len(targets):
            raise ValueError(
                f"[GradientTape.gradient] output_gradients has {len(output_gradients)} entries, "
                f"expected {len(targets)}, one per target"
            )
        pending: dict = {}
        for t, seed in zip(targets, output_gradients, strict=True):
            if t.node is None:
                continue
            if seed is None:
                seed = _ops["ones_like"](Tensor(t.array))
            else:
                seed = seed if isinstance(seed, Tensor) else Tensor(seed)
                if seed.shape != t.shape:
                    raise ValueError(
                        f"[GradientTape.gradient] output_gradients has shape {seed.shape}, expected "
                        f"{t.shape} like the target"
                    )
            _accumulate(pending, (t.node, t.index), seed)
        return pending

    def _recorded(self, node: Node) -> bool:
        inside = node.order > self._start and (self._stop is None or node.order < self._stop)
        return inside and node.gradient is not None

    def _watches(self, source: Tensor) -> bool:
        """Leaves count if they were watched, or are variables of a tape that watches those by itself."""
        return self._watch_variables or source.node.leaf is None or id(source) in self._watched

    def _propagate(self, pending: dict, sources: list[Tensor]) -> list[Tensor | None]:
        if self._start is None:
            raise RuntimeError(
                "[GradientTape.gradient] the tape was never opened; use it in a `with` statement"
            )
        wanted = {(s.node, s.index) for s in sources if s.node is not None and self._watches(s)}
        for node, _ in wanted:
            node.gates = False  # its gradient is asked for, uncut
        nodes, stack = set(), [node for node, _ in pending]
        for node in stack:
            node.uses += 1
        while stack:
            node = stack.pop()
            if node in nodes or not self._recorded(node):
                continue
            nodes.add(node)
            for edge in node.inputs:
                if edge is not None:
                    edge[0].uses += 1
                    stack.append(edge[0])
        ordered = sorted(nodes, key=lambda node: node.order)
        useful = {}  # nodes from which a source can be reached: which of their inputs lead there
        for node in ordered:
            needs = tuple([e is not None and (e in wanted or e[0] in useful) for e in node.inputs])
            if True in needs:
                useful[node] = needs
        found = {}
        while ordered:
            node = ordered.pop()
            dys = []
            for index in range(len(node.outputs)):
                dy = pending.pop((node, index), None)
                if (node, index) in wanted:
                    found[node, index] = dy
                dys.append(dy)
            needs = useful.get(node)
            if needs is None or all([dy is None for dy in dys]):
                continue
            ys = tuple([y if y is None else Tensor(y, node, i) for i, y in enumerate(node.outputs)])
            gradients = (
                node.gradient(dys[0], ys[0], needs) if len(ys) == 1 else node.gradient(tuple(dys), ys, needs)
            )
            for edge, need, dx in zip(node.inputs, needs, gradients, strict=True):
                if need and dx is not None:
                    _accumulate(pending, edge, dx)
            if not self._persistent:
                dy = dx = dys = ys = gradients = None
                _drop_saved(node)
        found.update((key, dy) for key, dy in pending.items() if key in wanted)
        return [
            found.get((s.node, s.index)) if s.node is not None and self._watches(s) else None for s in sources
        ]


def _drop_saved(node: Node) -> None:
    """One tape fewer wants this node; without any, its arrays are let go while the pass goes on."""
    node.tapes -= 1
    if node.tapes == 0:
        node.gradient, node.outputs, node.inputs = None, (), ()


class _Paused:
    def __init__(self, tape):
        self._tape = tape

    def __enter__(self):
        self._at = open_tapes().index(self._tape)
        open_tapes().pop(self._at)

    def __exit__(self, *_):
        open_tapes().insert(self._at, self._tape)


def _accumulate(pending: dict, key, dx: Tensor) -> None:
    before = pending.get(key)
    pending[key] = dx if before is None else _ops["add"](before, dx)


def own_node(tape: GradientTape, operation: str, argument: str, x) -> Tensor:
    """`x` as a Tensor with a node of its own on `tape`: an array given twice is told apart.

    For gradients of gradients, which differentiate by each argument of an operation separately."""
    if tracked(x):
        return result(x.array, (x,), lambda dx, y, needs: (dx,))
    tensor = Tensor(raw(operation, argument, x))
    if tensor.dtype.kind in "fV":
        tape.watch(tensor)
    return tensor
