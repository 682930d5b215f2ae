# SPDX-License-Identifier: Apache-2.0
"""The programs in PyTorch, as its users write them; weights come in Keras's order and layout."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tilewright.bench.programs.models import BLOCKS, HEADS, WIDTH


class Perceptron(nn.Sequential):
    def __init__(self, *widths):
        parts = []
        for i in range(len(widths) - 1):
            parts += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
        super().__init__(*parts[:-1])


class Convolutional(nn.Module):
    """3x3 convolutions, each followed by 2x2 max pooling where `pools` says so, then two dense layers."""

    def __init__(self, channels, pools, flat, hidden, outputs, padding=0):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], 3, padding=padding) for i in range(len(pools))
        )
        self.pools = pools
        self.dense = Perceptron(flat, hidden, outputs)

    def forward(self, x):
        for convolution, pool in zip(self.convolutions, self.pools, strict=True):
            x = functional.relu(convolution(x))
            if pool:
                x = functional.max_pool2d(x, 2)
        # Keras flattens images channels last.
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH, 1e-5), nn.LayerNorm(WIDTH, 1e-5)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm_1(x)).view(b, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, WIDTH))
        return x + self.down(functional.gelu(self.up(self.norm_2(x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(65, WIDTH), nn.Parameter(torch.zeros(64, WIDTH))
        self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.norm, self.head = nn.LayerNorm(WIDTH, 1e-5), nn.Linear(WIDTH, 65, bias=False)

    def forward(self, ids):
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions)))


def build(name: str, weights: list) -> nn.Module:
    """The module of a program with Keras's weights in it."""
    module = {
        "mnist_mlp": lambda: Perceptron(784, 64, 10),
        "tabular_mlp": lambda: Perceptron(30, 64, 64, 1),
        "mnist_cnn": lambda: Convolutional((1, 32, 64, 64), (True, True, False), 576, 64, 10),
        "cifar10_cnn": lambda: Convolutional(
            (3, 32, 32, 64, 64), (False, True, False, True), 4096, 512, 10, 1
        ),
        "cats_and_dogs_cnn": lambda: Convolutional((3, 32, 64, 128), (True, True, True), 36992, 512, 1),
        "char_transformer": Transformer,
    }[name]()
    with torch.no_grad():
        if name == "char_transformer":
            _fill_transformer(module, [torch.from_numpy(w) for w in weights])
        else:
            for own, given in zip(module.parameters(), weights, strict=True):
                own.copy_(_turned(torch.from_numpy(given)))
    return module


def _turned(w):
    """Keras's (in, out) and (rows, cols, in, out) as PyTorch has them."""
    return w.permute(3, 2, 0, 1) if w.ndim == 4 else w.t() if w.ndim == 2 else w


def _fill_transformer(module, weights):
    left = iter(weights)
    module.tokens.weight.copy_(next(left))
    module.positions.copy_(next(left))
    for block in module.blocks:
        _fill_norm(block.norm_1, left)
        parts = [(next(left).reshape(WIDTH, WIDTH).t(), next(left).flatten()) for _ in range(3)]
        block.qkv.weight.copy_(torch.cat([w for w, _ in parts]))
        block.qkv.bias.copy_(torch.cat([b for _, b in parts]))
        block.out.weight.copy_(next(left).reshape(WIDTH, WIDTH).t())
        block.out.bias.copy_(next(left))
        _fill_norm(block.norm_2, left)
        for dense in (block.up, block.down):
            dense.weight.copy_(next(left).t())
            dense.bias.copy_(next(left))
    _fill_norm(module.norm, left)
    module.head.weight.copy_(next(left).t())


def _fill_norm(norm, left):
    norm.weight.copy_(next(left))
    norm.bias.copy_(next(left))
