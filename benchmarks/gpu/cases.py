# SPDX-License-Identifier: Apache-2.0
"""What the GPU benchmarks compute: each stage's cases, with the rivals a user would name."""

from __future__ import annotations

import numpy as np
from family_cases import families
from timing import Case, by_torch

import tilewright as tw
from tilewright import backend

ops = tw.ops


def gemm(place):
    """Against cuBLAS, through PyTorch."""
    for dtype, sizes, target in (
        ("float32", (4096, 2048, 512), ">= 0.80 of cuBLAS at 4096"),
        ("bfloat16", (8192, 4096, 512), ">= 0.55 of cuBLAS at 8192"),
        ("float16", (4096,), ""),
    ):
        for size in sizes if not place.dry else sizes[:1]:
            n = place.size(size, 48)

            def make(p, n=n, dtype=dtype):
                a, b = p.normal(n, n, dtype=dtype), p.normal(n, n, dtype=dtype)
                return {"a": a, "b": b, "y": backend.empty((n, n), a.dtype, a)}

            def rival(s):
                return place.torch.matmul(place.tensor(s["a"]), place.tensor(s["b"]))

            yield Case(
                f"matmul {dtype} {size}",
                make,
                lambda s: ops.matmul(s["a"], s["b"], out=s["y"]),
                {"cuBLAS (torch)": by_torch(rival)},
                flop=2.0 * n**3,
                bytes=3.0 * n * n * np.dtype("float32" if dtype == "float32" else "float16").itemsize,
                target=target,
            )


def conv(place):
    """Against cuDNN, through PyTorch in channels_last."""
    shapes = (
        (32, 56, 64, 64, 3, 1),
        (32, 28, 128, 128, 3, 1),
        (32, 56, 256, 64, 1, 1),
        (32, 224, 3, 64, 7, 2),
    )
    for dtype in ("float32", "bfloat16"):
        for batch, side, channels, filters, window, stride in shapes if not place.dry else shapes[:1]:
            n, h = place.size(batch, 1), place.size(side, 8)
            c, k = place.size(channels, 8), place.size(filters, 8)
            out = -(-h // stride)

            def make(p, n=n, h=h, c=c, k=k, r=window, dtype=dtype):
                return {"x": p.normal(n, h, h, c, dtype=dtype), "w": p.normal(r, r, c, k, dtype=dtype)}

            def rival(s, stride=stride, r=window):
                x, w = place.tensor(s["x"]).permute(0, 3, 1, 2), place.tensor(s["w"]).permute(3, 2, 0, 1)
                y = place.torch.nn.functional.conv2d(x, w, stride=stride, padding=r // 2)
                return y.permute(0, 2, 3, 1)

            yield Case(
                f"conv2d {dtype} {batch}x{side}x{side}x{channels} -> {filters}, {window}x{window}/{stride}",
                make,
                lambda s, stride=stride, r=window: ops.conv2d(
                    s["x"], s["w"], stride=stride, padding=((r // 2, r // 2), (r // 2, r // 2))
                ),
                {"cuDNN (torch, channels_last)": by_torch(rival)},
                flop=2.0 * n * out * out * c * k * window**2,
                bytes=(4.0 if dtype == "float32" else 2.0) * n * (h * h * c + out * out * k),
                target=">= 0.5 of cuDNN",
            )


def attention(place):
    """Against SDPA with its FlashAttention-2 and its cuDNN back end."""
    for dtype in ("bfloat16", "float16"):
        for length, causal in (
            ((4096, True), (4096, False), (1024, True)) if not place.dry else ((4096, True),)
        ):
            b, h = place.size(4, 1), place.size(16, 2)
            t, d = place.size(length, 33), place.size(64, 32)

            def make(p, b=b, t=t, h=h, d=d, dtype=dtype):
                return {name: p.normal(b, t, h, d, dtype=dtype) for name in "qkv"}

            def sdpa(back_end, causal=causal):
                def rival(s):
                    q, k, v = (place.tensor(s[name]).transpose(1, 2) for name in "qkv")
                    function = place.torch.nn.functional.scaled_dot_product_attention
                    if place.dry:
                        return function(q, k, v, is_causal=causal).transpose(1, 2)
                    from torch.nn.attention import SDPBackend, sdpa_kernel

                    with sdpa_kernel(getattr(SDPBackend, back_end)):
                        return function(q, k, v, is_causal=causal).transpose(1, 2)

                return by_torch(rival)

            yield Case(
                f"attention {dtype} B{b} H{h} T{length} D64{' causal' if causal else ''}",
                make,
                lambda s, causal=causal: ops.attention(s["q"], s["k"], s["v"], causal=causal),
                {
                    "SDPA FlashAttention-2": sdpa("FLASH_ATTENTION"),
                    "SDPA cuDNN": sdpa("CUDNN_ATTENTION"),
                },
                flop=4.0 * b * h * t * t * d * (0.5 if causal else 1.0),
                bytes=8.0 * b * h * t * d,
                target=">= 0.9 of FlashAttention-2",
            )


def rows(place):
    """Memory-bound kernels, against a copy of as many bytes and against torch.compile."""
    functional = None if place.torch is None else place.torch.nn.functional
    for dtype in ("float32", "bfloat16"):
        item = 4 if dtype == "float32" else 2
        m, n = place.size(16384, 6), place.size(4096, 96)

        def make(p, dtype=dtype, m=m, n=n):
            x = p.normal(m, n, dtype=dtype)
            return {"x": x, "g": p.normal(n, dtype=dtype), "y": backend.empty(x.shape, x.dtype, x)}

        def copy(s):
            place.tensor(s["y"]).copy_(place.tensor(s["x"]))
            return place.tensor(s["y"])

        yield Case(
            f"copy {dtype} {m}x{n}",
            make,
            lambda s: ops.copy(s["x"], out=s["y"]),
            {"torch copy": by_torch(copy)},
            bytes=2.0 * m * n * item,
            target=">= 0.80 of the copy",
        )
        for name, ours, theirs in (
            (
                "softmax",
                lambda s: ops.softmax(s["x"], out=s["y"]),
                lambda t, s, f=functional: f.softmax(t, -1),
            ),
            (
                "rms_norm",
                lambda s: ops.rms_norm(s["x"], s["g"]),
                lambda t, s, f=functional: f.rms_norm(t, t.shape[-1:], place.tensor(s["g"]), 1e-6),
            ),
            (
                "gelu",
                lambda s: ops.gelu(s["x"], out=s["y"]),
                lambda t, s, f=functional: f.gelu(t),
            ),
        ):
            rivals = {"torch": by_torch(lambda s, f=theirs: f(place.tensor(s["x"]), s))}
            if not place.dry:
                compiled = place.torch.compile(theirs)
                rivals["torch.compile"] = by_torch(lambda s, f=compiled: f(place.tensor(s["x"]), s))
            yield Case(
                f"{name} {dtype} {m}x{n}",
                make,
                ours,
                rivals,
                bytes=2.0 * m * n * item,
                target=">= 0.80 of the copy",
            )


def optimizer(place):
    """One step of Adam over many arrays, against PyTorch's fused one."""
    sets = {
        "GPT-2 124M": [(768, 768)] * 48 + [(768, 3072)] * 24 + [(50257, 768)],
        "1000 of 1000": [(1000,)] * 1000,
    }
    for name, shapes in sets.items():
        shapes = shapes if not place.dry else [(5, 7)] * 3
        total = float(sum(np.prod(shape) for shape in shapes))

        def make(p, shapes=shapes):
            made = {key: [p.normal(*shape) for shape in shapes] for key in ("params", "grads", "m")}
            made["v"] = [ops.square(m) for m in made["m"]]
            made["step"] = backend.on_device(np.ones(1, np.int64))
            if p.torch is not None:
                tensors = [p.tensor(ops.copy(x)).requires_grad_() for x in made["params"]]
                for tensor, gradient in zip(tensors, made["grads"], strict=True):
                    tensor.grad = p.tensor(gradient)
                fused = {} if p.dry else {"fused": True, "capturable": True}
                made["torch"] = p.torch.optim.Adam(tensors, lr=1e-3, **fused)
            return made

        def ours(s):
            ops.adam_update(s["params"], s["grads"], s["m"], s["v"], step=s["step"], learning_rate=1e-3)
            return s["params"][0]

        def rival(s):
            s["torch"].step()
            return s["torch"].param_groups[0]["params"][0]

        yield Case(
            f"adam {name}",
            make,
            ours,
            {"torch fused Adam": by_torch(rival)},
            bytes=28.0 * total,
            target=">= 0.80 of the copy",
            tolerance=1.0,  # the two start from other moments
        )


def programs(place):
    """A whole training step as one graph, against PyTorch run eagerly."""
    batch, units = place.size(128, 4), place.size(256, 8)

    def make(p):
        keras = tw.keras
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((784,)), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(10)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        x = p.normal(batch, 784)
        y = backend.on_device(np.arange(batch) % 10)
        model.train_on_batch(x, y)
        variables, optimizer = model.trainable_variables, model.optimizer

        def step(x, y):
            with tw.GradientTape() as tape:
                value = loss(y, model(x, training=True))
            optimizer.apply(tape.gradient(value, variables), variables)
            return value

        made = {"x": x, "y": y, "step": tw.record(step)}
        for _ in range(1 if p.dry else 5):
            made["step"](x, y)
        if p.torch is not None:
            nn = p.torch.nn
            net = nn.Sequential(nn.Linear(784, units), nn.ReLU(), nn.Linear(units, 10)).to(p.tensor(x).device)
            made["net"], made["torch"] = net, p.torch.optim.Adam(net.parameters(), lr=1e-3)
        return made

    def rival(s):
        s["torch"].zero_grad()
        value = place.torch.nn.functional.cross_entropy(s["net"](place.tensor(s["x"])), place.tensor(s["y"]))
        value.backward()
        s["torch"].step()
        return value

    yield Case(
        f"training step, MLP 784-{units}-10, batch {batch}",
        make,
        lambda s: s["step"](s["x"], s["y"]).array,
        {"torch eager": by_torch(rival)},
        target=">= 3x PyTorch eager",
        tolerance=10.0,  # other weights: only the time is compared
        plain=True,
    )


STAGES = {
    "bench-gemm": gemm,
    "bench-conv": conv,
    "bench-attention": attention,
    "bench-rows": rows,
    "bench-optimizer": optimizer,
    "bench-families": families,
    "bench-programs": programs,
}
