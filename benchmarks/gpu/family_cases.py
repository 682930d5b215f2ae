# SPDX-License-Identifier: Apache-2.0
"""One case and more of each family that has no stage of its own, gradients included, against PyTorch."""

from __future__ import annotations

import numpy as np
from timing import Case, by_torch

import tilewright as tw
from tilewright import backend

ops = tw.ops
AIM = ">= 0.80 of the copy"


def families(place):
    """All of them, in float32 and bfloat16 where a case says so."""
    yield from rows(place)
    yield from images(place)
    yield from tables(place)
    yield from gradients(place)


def rows(place):
    """Rows of a matrix: sums, norms with their gradient, a loss with its gradient."""
    m, n = place.size(16384, 6), place.size(4096, 96)
    functional = None if place.torch is None else place.torch.nn.functional
    for dtype in ("float32", "bfloat16"):
        size = float(m * n * (4 if dtype == "float32" else 2))

        def make(p, dtype=dtype):
            x, dy = (p.normal(m, n, dtype=dtype) for _ in range(2))
            gamma, beta = (p.normal(n, dtype=dtype) for _ in range(2))
            y, mean, rstd = ops.layer_norm(x, gamma, beta, return_statistics=True)
            labels = backend.on_device(np.arange(m) % n)
            return locals()

        yield Case(
            f"sum of rows {dtype} {m}x{n}",
            make,
            lambda s: ops.sum(s["x"], axis=1),
            {"torch": by_torch(lambda s: place.tensor(s["x"]).sum(1))},
            bytes=size,
            target=AIM,
        )
        yield Case(
            f"layer_norm {dtype} {m}x{n}",
            make,
            lambda s: ops.layer_norm(s["x"], s["gamma"], s["beta"]),
            {
                "torch": by_torch(
                    lambda s, f=functional: f.layer_norm(
                        *_tensors(place, s, "x"), (n,), *_tensors(place, s, "gamma", "beta")
                    )
                )
            },
            bytes=2 * size,
            target=AIM,
            tolerance=5e-2,
        )
        yield Case(
            f"layer_norm backward {dtype} {m}x{n}",
            make,
            lambda s: ops.layer_norm_backward(s["dy"], s["x"], s["mean"], s["rstd"], s["gamma"])[0],
            {"torch": by_torch(lambda s: _norm_backward(place, s, n))},
            bytes=3 * size,
            target=AIM,
            tolerance=5e-2,
        )
        yield Case(
            f"softmax_cross_entropy {dtype} {m}x{n}",
            make,
            lambda s: ops.softmax_cross_entropy(s["x"], s["labels"]),
            {
                "torch": by_torch(
                    lambda s, f=functional: f.cross_entropy(
                        *_tensors(place, s, "x", "labels"), reduction="none"
                    )
                )
            },
            bytes=size,
            target=AIM,
        )


def images(place):
    """Pooling and resizing."""
    n, h, c = place.size(32, 1), place.size(112, 8), place.size(64, 8)
    functional = None if place.torch is None else place.torch.nn.functional
    for dtype in ("float32", "bfloat16"):
        size = float(n * h * h * c * (4 if dtype == "float32" else 2))

        def make(p, dtype=dtype):
            return {"x": p.normal(n, h, h, c, dtype=dtype)}

        def rival(s, f=functional):
            y = f.max_pool2d(place.tensor(s["x"]).permute(0, 3, 1, 2), 2)
            return y.permute(0, 2, 3, 1)

        def resized(s, f=functional):
            x = place.tensor(s["x"]).permute(0, 3, 1, 2)
            return f.interpolate(x, scale_factor=2, mode="bilinear").permute(0, 2, 3, 1)

        title = f"{dtype} {n}x{h}x{h}x{c}"
        yield Case(
            f"max_pool2d {title}",
            make,
            lambda s: ops.max_pool2d(s["x"], 2),
            {"torch (channels_last)": by_torch(rival)},
            bytes=1.25 * size,
            target=AIM,
        )
        yield Case(
            f"resize {title}",
            make,
            lambda s: ops.resize(s["x"], (2 * h, 2 * h)),
            {"torch (channels_last)": by_torch(resized)},
            bytes=5 * size,
            target=AIM,
            tolerance=5e-2,
        )


def tables(place):
    """Rows of a table by id, and the additions of its gradient."""
    vocabulary, width, count = place.size(50257, 20), place.size(768, 40), place.size(16384, 30)

    def make(p):
        ids = np.random.default_rng(2).integers(0, vocabulary, count)
        return {
            "table": p.normal(vocabulary, width),
            "dy": p.normal(count, width),
            "ids": backend.on_device(ids),
        }

    def gathered(s):
        return place.torch.nn.functional.embedding(*_tensors(place, s, "ids", "table"))

    def added(s):
        ids, dy = _tensors(place, s, "ids", "dy")
        return dy.new_zeros((vocabulary, width)).index_add_(0, ids, dy)

    size = 4.0 * count * width
    yield Case(
        f"embedding {count} of {vocabulary}x{width}",
        make,
        lambda s: ops.embedding(s["table"], s["ids"]),
        {"torch": by_torch(gathered)},
        bytes=2 * size,
        target=AIM,
    )
    yield Case(
        f"embedding backward {count} of {vocabulary}x{width}",
        make,
        lambda s: ops.embedding_backward(s["dy"], s["ids"], (vocabulary, width)),
        {"torch index_add": by_torch(added)},
        bytes=size + 4.0 * vocabulary * width,
    )


def gradients(place):
    """Backward passes of convolution and attention, and a recurrent layer."""
    n, h, c, k = place.size(32, 1), place.size(56, 8), place.size(64, 8), place.size(64, 8)
    b, heads, t, d = place.size(4, 1), place.size(16, 2), place.size(2048, 33), place.size(64, 32)
    for dtype in ("float32", "bfloat16"):

        def image(p, dtype=dtype):
            x, dy = p.normal(n, h, h, c, dtype=dtype), p.normal(n, h, h, k, dtype=dtype)
            return {"x": x, "dy": dy, "w": p.normal(3, 3, c, k, dtype=dtype)}

        def by_data(s):
            dy, w = place.tensor(s["dy"]).permute(0, 3, 1, 2), place.tensor(s["w"]).permute(3, 2, 0, 1)
            return place.torch.nn.grad.conv2d_input((n, c, h, h), w, dy, padding=1).permute(0, 2, 3, 1)

        def by_weight(s):
            x, dy = (place.tensor(s[name]).permute(0, 3, 1, 2) for name in ("x", "dy"))
            return place.torch.nn.grad.conv2d_weight(x, (k, c, 3, 3), dy, padding=1).permute(2, 3, 1, 0)

        for name, ours, theirs in (
            (
                "data",
                lambda s: ops.conv2d_backward_data(s["dy"], s["w"], s["x"].shape, padding="same"),
                by_data,
            ),
            (
                "weight",
                lambda s: ops.conv2d_backward_weight(s["dy"], s["x"], s["w"].shape, padding="same"),
                by_weight,
            ),
        ):
            yield Case(
                f"conv2d backward {name} {dtype} {n}x{h}x{h}x{c} -> {k}, 3x3",
                image,
                ours,
                {"cuDNN (torch, channels_last)": by_torch(theirs)},
                flop=18.0 * n * h * h * c * k,
                target=">= 0.5 of cuDNN",
                tolerance=5e-2,
            )

    def attended(p):
        return {name: p.normal(b, t, heads, d, dtype="bfloat16") for name in ("q", "k", "v", "dy")}

    def ours(s):
        y, lse = ops.attention(s["q"], s["k"], s["v"], causal=True, return_lse=True)
        return ops.attention_backward(s["dy"], s["q"], s["k"], s["v"], y, lse, causal=True)[0]

    def theirs(s):
        q, k, v, dy = (x.transpose(1, 2) for x in _tensors(place, s, "q", "k", "v", "dy"))
        q = q.detach().requires_grad_()
        y = place.torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return place.torch.autograd.grad(y, q, dy)[0].transpose(1, 2)

    yield Case(
        f"attention forward and backward bfloat16 B{b} H{heads} T{t} D{d} causal",
        attended,
        ours,
        {"SDPA (dq alone)": by_torch(theirs)},
        flop=7.0 * b * heads * t * t * d,
        tolerance=5e-2,
    )
    yield from recurrent(place)


def recurrent(place):
    """A layer of LSTM; both order the gates i, f, c, o."""
    n, t, units = place.size(64, 2), place.size(128, 3), place.size(512, 8)

    def make(p):
        made = {"x": p.normal(n, t, units), "w": p.normal(units, 4 * units), "u": p.normal(units, 4 * units)}
        made = {name: ops.multiply(x, units**-0.5) for name, x in made.items()}
        if p.torch is not None:
            x, w, u = (p.tensor(y) for y in made.values())
            layer = p.torch.nn.LSTM(units, units, bias=False, batch_first=True).to(x.device)
            with p.torch.no_grad():
                layer.weight_ih_l0.copy_(w.T)
                layer.weight_hh_l0.copy_(u.T)
            made["torch"] = layer
        return made

    def rival(s):
        with place.torch.no_grad():
            return s["torch"](place.tensor(s["x"]))[0]

    yield Case(
        f"lstm float32 {n}x{t}x{units}",
        make,
        lambda s: ops.lstm(s["x"], s["w"], s["u"])[0],
        {"cuDNN (torch)": by_torch(rival)},
        flop=16.0 * n * t * units * units,
    )


def _tensors(place, s, *names):
    return tuple(place.tensor(s[name]) for name in names)


def _norm_backward(place, s, n):
    x, gamma, beta, dy = _tensors(place, s, "x", "gamma", "beta", "dy")
    x = x.detach().requires_grad_()
    y = place.torch.nn.functional.layer_norm(x, (n,), gamma, beta)
    return place.torch.autograd.grad(y, x, dy)[0]
