# SPDX-License-Identifier: Apache-2.0
"""Convolution, all three passes, against both of PyTorch's layouts: the better one is the rival.

PyTorch gets tensors that lie in its layout already. Everybody makes the results, in memory that an earlier
result left: PyTorch's convolution has no `out`, and an array that no cache holds would slow one side alone.
"""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops
from tilewright.bench.case import Case, lines, normal, random_size, torch_module

PASSES = ("forward", "backward_data", "backward_weight")
LAYOUTS = ("channels_last", "contiguous")


def cases():
    for fields in lines("conv2d"):
        n, h, w, c, k, r, s, stride = map(int, fields[1:9])
        padding = fields[9] if fields[9] == "same" else int(fields[9])
        dilation, groups = map(int, fields[10:12])
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        for which in PASSES:
            yield case(fields[0], which, (n, h, w, c), (r, s, c // groups, k), options)


def random_case(rng, name):
    """Windows of 1 to 7, strides 1 and 2, any channels, sometimes grouped or dilated, at most 1 GFLOP."""
    window, stride = int(rng.integers(1, 8)), int(rng.integers(1, 3))
    dilation = int(rng.choice([1, 1, 1, 2]))
    reach = (window - 1) * dilation + 1
    h, w = (random_size(rng, reach, max(reach + 1, 112)) for _ in range(2))
    groups = int(rng.choice([1, 1, 1, 2, 4]))
    c, k = (groups * random_size(rng, 1, 512 // groups) for _ in range(2))
    n = random_size(rng, 1, 32)
    pixels = h * w // stride**2 + 1
    while n * pixels * window * window * c * k // groups > 1 << 29 and max(n, c, k) > groups:
        if n > 1:
            n //= 2
        elif c >= k:
            c = max(groups, c // 2 // groups * groups)
        else:
            k = max(groups, k // 2 // groups * groups)
    options = {
        "stride": stride,
        "padding": int(rng.integers(0, window // 2 + 1)),
        "dilation": dilation,
        "groups": groups,
    }
    which = PASSES[rng.integers(3)]
    label = f"{name}_{n}x{h}x{w}x{c}_{k}_{window}x{window}_s{stride}d{dilation}g{groups}"
    return case(label, which, (n, h, w, c), (window, window, c // groups, k), options)


def case(name, which, x_shape, w_shape, options) -> Case:
    """One pass; x (N, H, W, C), w (R, S, C / groups, K)."""
    torch, rng = torch_module(), np.random.default_rng(0)
    x, w = normal(rng, *x_shape), normal(rng, *w_shape)
    dy = normal(rng, *ops.conv2d(x, w, **options).shape)
    arrays = {"x": x, "w": w, "dy": dy}
    rivals = {"tilewright": _ours(which, x_shape, w_shape, options)}
    for layout in LAYOUTS if torch else ():
        if _ends_the_process(which, layout, w_shape, options):
            continue
        rivals[f"torch {layout}"] = _theirs(torch, which, layout, w_shape, options)

    def make(dtype=np.float32):
        own = {key: array.astype(dtype) for key, array in arrays.items()}
        for layout in LAYOUTS if torch else ():
            own[layout] = _tensors(torch, own, layout)
        return own

    def exact(_):
        return rivals[list(rivals)[-1]](make(np.float64))

    flop = 2.0 * dy.size * math.prod(w_shape[:3])
    size = float(sum(a.nbytes for a in arrays.values()))
    return Case(name, which, flop, size, make, rivals, exact)


def _ends_the_process(which, layout, w_shape, options) -> bool:
    """PyTorch 2.13 damages the heap in such weight gradients (8x106x102x8 to 18 channels, 1x1 with stride 2):
    it is not asked where channels do not fill registers."""
    ragged = any(channels % 16 for channels in w_shape[2:])
    strided = w_shape[:2] == (1, 1) and options["stride"] > 1
    return which == "backward_weight" and layout == "channels_last" and strided and ragged


def _ours(which, x_shape, w_shape, options):
    if which == "forward":
        return lambda s: ops.conv2d(s["x"], s["w"], **options)
    if which == "backward_data":
        return lambda s: ops.conv2d_backward_data(s["dy"], s["w"], x_shape, **options)
    return lambda s: ops.conv2d_backward_weight(s["dy"], s["x"], w_shape, **options)


def _tensors(torch, own, layout):
    """x, w, dy as (N, C, H, W) and (K, C, R, S) in one of PyTorch's layouts."""
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    turned = own["x"].transpose(0, 3, 1, 2), own["w"].transpose(3, 2, 0, 1), own["dy"].transpose(0, 3, 1, 2)
    return tuple(torch.from_numpy(a.copy()).contiguous(memory_format=memory) for a in turned)


def _theirs(torch, which, layout, w_shape, options):
    pad = (w_shape[0] - 1) // 2 if options["padding"] == "same" else options["padding"]
    rest = [options["stride"]] * 2, [pad] * 2, [options["dilation"]] * 2, False, [0, 0], options["groups"]
    convolution, backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward

    def call(s):
        x, w, dy = s[layout]
        if which == "forward":
            return convolution(x, w, None, *rest).permute(0, 2, 3, 1).numpy()
        data = which == "backward_data"
        found = backward(dy, x, w, None, *rest, [data, not data, False])
        return (found[0].permute(0, 2, 3, 1) if data else found[1].permute(2, 3, 1, 0)).numpy()

    return call
