# SPDX-License-Identifier: Apache-2.0
"""Every barrier and shuffle of the row families, removed in turn, must be missed; see test_mutations.py.

Where a family's threads work alone (elementwise maps, pooling, random, resizing, gathers) there is nothing to
remove, and the table says so: a synchronisation that appears there later has to be listed.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt, ops

from . import test_attention, test_conv2d, test_mutations
from .conftest import ROOT
from .mutation import sites_of, unmissed

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def softplus_gradient(rows, cols):
    dy, saved, db = normal(rows, cols), normal(rows, cols), np.empty(cols, np.float32)
    dz = np.empty_like(dy)

    def run():
        _simt.bias_activation_backward(dz, db, dy, saved, "sigmoid", 0.0)
        return dz, db

    return run


def transposed(shape):
    x, y = normal(*shape), np.empty(shape[::-1], np.float32)

    def run():
        _simt.copy(y, x.T)
        return (y,)

    return run


def reduction(name, shape, axis):
    x = normal(*shape)
    return lambda: (getattr(ops, name)(x, axis=axis),)


def norms(length, count):
    arrays, y = [normal(length) for _ in range(count)], np.empty((), np.float32)

    def run():
        _simt.global_norm(y, arrays)
        return (y.copy(),)

    return run


def largest(cols, k):
    x = normal(2, cols)
    return lambda: ops.top_k(x, k)


def rows_added(n, vocabulary):
    dy, ids, start = normal(n, 5), RNG.integers(0, vocabulary, n), normal(vocabulary, 5)

    def run():
        table = start.copy()
        _simt.embedding_scatter_add(table, dy, ids)
        return (table,)

    return run


def mapped_gradient(size):
    dy, dx = normal(1, *size, 2), np.empty((1, 9, 11, 2), np.float32)
    maps = np.array([[[0.2, 0.1, 1.0], [-0.1, 0.3, 2.0]]])

    def run():
        _simt.affine_transform_backward(dx, dy, maps, "bilinear", "reflect")
        return (dx,)

    return run


def normalized(name, shape):
    x, dy = normal(*shape), normal(*shape)

    def run():
        options = {"training": True} if name == "batch_norm" else {}
        y, *statistics = getattr(ops, name)(x, return_statistics=True, **options)
        return y, *getattr(ops, name + "_backward")(dy, x, *statistics)

    return run


def normalized_in_place(shape):
    x, start = normal(*shape), normal(*shape)
    _, mean, rstd = ops.layer_norm(x, return_statistics=True)

    def run():
        dy = start.copy()
        return ops.layer_norm_backward(dy, x, mean, rstd, out=dy)

    return run


def cross_entropy(shape, dense):
    x, loss = normal(*shape), np.empty(shape[0], np.float32)
    labels = np.abs(normal(*shape)) if dense else RNG.integers(0, shape[1], shape[0])
    dx = np.empty_like(x)

    def run():
        _simt.softmax_cross_entropy(loss, dx, x, labels, 0.1, None)
        return loss, dx

    return run


def squared_error(shape):
    a, b, loss = normal(*shape), normal(*shape), np.empty(shape[0], np.float32)
    da = np.empty_like(a)

    def run():
        _simt.mean_squared_error(loss, da, a, b)
        return loss, da

    return run


def clipped_step(sizes):
    start, grads = [normal(n) for n in sizes], [normal(n) for n in sizes]

    def run():
        params, velocity = [p.copy() for p in start], [np.zeros_like(p) for p in start]
        ops.sgd_update(params, grads, velocity, momentum=0.9, clip_norm=1.0, global_clip_norm=1.5)
        return params

    return run


def pooled_and_drawn():
    x, key = normal(1, 6, 6, 3), np.array([1, 2])

    def run():
        y = ops.max_pool2d(x, 2)
        return y, ops.avg_pool2d(x, 2), ops.resize(x, (4, 9)), ops.random_normal(70, key=key), ops.exp(x)

    return run


# (name, run, the least places it synchronises at)
RUNS = [
    ("bias gradient, wide", softplus_gradient(40, 64), 1),
    ("bias gradient, narrow", softplus_gradient(70, 3), 1),
    ("transposed copy", transposed((40, 50)), 1),
    ("sum of short rows", reduction("sum", (5, 40), 1), 1),
    ("sum of long rows", reduction("sum", (2, 9001), 1), 2),
    ("sum of columns", reduction("sum", (300, 20), 0), 1),
    ("argmax of long rows", reduction("argmax", (2, 9001), 1), 2),
    ("argmin of columns", reduction("argmin", (300, 7), 0), 1),
    ("logsumexp", reduction("logsumexp", (2, 3000), 1), 2),
    ("running sum", reduction("cumsum", (3, 3000), 1), 2),
    ("running sum in slices", reduction("cumsum", (1, 17_000), 1), 4),
    ("global norm", norms(5000, 3), 2),
    ("top_k of few", largest(300, 5), 3),
    ("top_k of many", largest(1500, 1100), 1),
    ("rows added by few ids", rows_added(70, 9), 2),
    ("rows added by many ids", rows_added(2100, 30), 1),
    ("gradient of a map", mapped_gradient((18, 16)), 1),
    ("layer norm, short rows", normalized("layer_norm", (5, 40)), 3),
    ("layer norm, long rows", normalized("layer_norm", (3, 300)), 6),
    ("layer norm, streamed rows", normalized("layer_norm", (1, 16_400)), 6),
    ("gradient of layer norm over dy", normalized_in_place((3, 300)), 3),
    ("rms norm", normalized("rms_norm", (3, 300)), 4),
    ("batch norm", normalized("batch_norm", (300, 12)), 2),
    ("cross-entropy of ids", cross_entropy((3, 300), False), 4),
    ("cross-entropy of probabilities", cross_entropy((3, 300), True), 4),
    ("squared error", squared_error((3, 300)), 2),
    ("clipped step", clipped_step([5, 5000, 40]), 4),
    ("kernels without synchronisation", pooled_and_drawn(), 0),
]


@pytest.fixture(autouse=True)
def whole_kernels_afterwards(on_simt):
    yield
    _simt.remove_sync_site(-1)
    _simt.record_sync_sites(False)


@pytest.mark.parametrize("run, least", [pytest.param(r, n, id=name) for name, r, n in RUNS])
def test_each_synchronisation_is_needed(run, least):
    count, unseen = unmissed(run)
    assert count >= least, "fewer places than the kernel is known to have: is it the kernel that was meant?"
    assert least or not count, "this kernel did not synchronise; list it with what it does now"
    assert not unseen, f"{len(unseen)} of {count} removed synchronisations were not missed: {unseen}"


# A call of one of these in a kernel synchronises, or hands a value from lane to lane.
CALLS = re.compile(
    r"\b(\w*_sync|named_barrier_\w+|copy_async_(?:wait|commit)\w*|shfl\w*|shuffle\w*|ballot|any|all|match\w*|"
    r"mbarrier_\w+|team\.(?:reduce|join|max|sum)\w*)(?:<[^;()]*>)?\("
)


def call_text(text, begin):
    """From `begin` to the bracket that closes the call."""
    depth = 0
    for end in range(begin, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if text[end] == ")" and depth == 0:
            return text[begin : end + 1]
    raise AssertionError("an open bracket")


def places_of_the_source():
    """File, line and operation of every call but those that pass their caller's place on."""
    for path in sorted((ROOT / "cuda/kernels").glob("*.cuh")):
        text = re.sub("//[^\n]*", "", path.read_text())
        for call in CALLS.finditer(text):
            if not call_text(text, call.start()).endswith("site)"):
                yield path.name, text.count("\n", 0, call.start()) + 1, call.group(1)


def test_every_synchronisation_of_every_kernel_is_in_a_run():
    """So that none is left out: of the runs here, in test_mutations, test_conv2d and test_attention."""
    runs = [run for _, run, _ in RUNS]
    runs += [lambda run=run: (run(),) for run in test_mutations.RUNS.values()]
    runs += [test_conv2d.mutated(*case) for case in test_conv2d.MUTATED]
    runs += [test_attention.mutated(*case) for case in test_attention.MUTATED]
    seen = {(Path(file).name, line) for run in runs for _, file, line in sites_of(run)}
    _simt.force_matmul(-1)
    _simt.force_conv(-1)
    left_out = [place for place in places_of_the_source() if place[:2] not in seen]
    assert not left_out
