# SPDX-License-Identifier: Apache-2.0
"""EinsumDense: a dense layer over the axes that an equation names."""

from __future__ import annotations

import re

from tilewright.keras import activations, constraints, initializers, regularizers
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer
from tilewright.tf import products

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(Layer):
    """activation(einsum(equation, inputs, kernel) + bias)

    Parameters
        equation : "ab,bc->ac", "...x,xy->...y" or "ab...,bc->ac...": letters of input, kernel and output
        output_shape : sizes of the output's axes but the first (and those in the dots); an int for one
        bias_axes : letters of the output's axes that have a bias of their own; no bias where None
    """

    config_fields = (
        "equation",
        "activation",
        "bias_axes",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        match = _FORM.fullmatch(equation.replace(" ", ""))
        dots = match and (match[1], match[3], match[5], match[7])
        if not match or dots not in ((None,) * 4, ("...", None) * 2, (None, "...") * 2):
            raise ValueError(
                f"[{self.name}] equation is {equation!r}, expected the form 'ab,bc->ac', '...b,bc->...c' or "
                "'ab...,bc->ac...'"
            )
        self.equation, self._dots_first = equation, bool(match[1])
        self._letters = (match[2], match[4], match[6])
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes, self.activation = bias_axes, activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _sizes(self, input_shape) -> tuple[dict, list]:
        """The size of each letter, and the shape of the output."""
        given, kernel, output = self._letters
        hidden = len(input_shape) - len(given)
        if hidden < 0 or hidden and "..." not in self.equation:
            raise ValueError(
                f"[{self.name}] input has shape {tuple(input_shape)}, expected an axis for each letter of "
                f"{given!r} in {self.equation!r}"
            )
        skipped = hidden if self._dots_first else 0
        sizes = dict(zip(given, input_shape[skipped:], strict=False))
        # The first axis is the batch's, and those in the dots are the input's.
        shape = [input_shape[0], *self.partial_output_shape]
        if self._dots_first and hidden:
            shape[1:1] = input_shape[1:hidden]
        elif hidden:
            shape += input_shape[len(given) :]
        if len(shape) != len(output) + hidden:
            raise ValueError(
                f"[{self.name}] output_shape is {self.partial_output_shape}, expected a size for each letter of "
                f"{output!r} but the batch's"
            )
        for letter, size in zip(output, shape[skipped:], strict=False):
            if letter in sizes and size is not None and sizes[letter] not in (size, None):
                raise ValueError(
                    f"[{self.name}] axis {letter!r} has size {sizes[letter]} in the input and {size} in "
                    "output_shape, expected the same"
                )
            sizes.setdefault(letter, size)
        unknown = [letter for letter in kernel if sizes.get(letter) is None]
        if unknown:
            raise ValueError(
                f"[{self.name}] axis {unknown[0]!r} of the kernel has no known size, expected one"
            )
        return sizes, shape

    def build(self, input_shape):
        sizes, shape = self._sizes(input_shape)
        _, kernel, output = self._letters
        self.input_spec = InputSpec(ndim=len(input_shape))
        initializer = initializers.over_axes(
            self.kernel_initializer,
            [i for i, letter in enumerate(kernel) if letter not in output],
            [i for i, letter in enumerate(kernel) if letter in output],
        )
        self.kernel = self.add_weight(
            tuple(sizes[letter] for letter in kernel),
            initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.bias_axes is not None:
            missing = [letter for letter in self.bias_axes if letter not in output]
            if missing:
                raise ValueError(
                    f"[{self.name}] bias_axes is {self.bias_axes!r}, expected letters of {output!r}"
                )
            first = min(output.index(letter) for letter in self.bias_axes)
            tail = [sizes[letter] if letter in self.bias_axes else 1 for letter in output[first:]]
            hidden = 0 if self._dots_first else len(shape) - len(output)
            self.bias = self.add_weight(
                (*tail, *[1] * hidden),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        y = products.einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)

    def compute_output_shape(self, input_shape):
        return tuple(self._sizes(input_shape)[1])

    def get_config(self) -> dict:
        return {**super().get_config(), "output_shape": self.partial_output_shape}
