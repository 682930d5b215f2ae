# SPDX-License-Identifier: Apache-2.0
"""Sequential: a stack of layers, each fed by the one before."""

from __future__ import annotations

from tilewright import nest
from tilewright.keras import naming, serialization
from tilewright.keras.graph import Graph, KerasTensor
from tilewright.keras.layers.input import Input, InputLayer
from tilewright.keras.layers.layer import Layer
from tilewright.keras.models.model import Model


class Sequential(Model):
    """Layers one after the other, built when the input shape is known: by Input, `input_shape=` or data.

    Examples
        >>> from tilewright.keras import layers
        >>> Sequential([layers.Input((3,)), layers.Dense(2)]).output_shape
        (None, 2)
    """

    _checks_sizes = False  # its layers judge them, as in Keras

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        for layer in layers or ():
            self._push(layer)
        self._rebuild()

    @property
    def layers(self) -> list[Layer]:
        """The layers without the input."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    def add(self, layer, rebuild: bool = True) -> None:
        """Puts a layer, or an Input's KerasTensor, on top."""
        self._push(layer)
        if rebuild:
            self._rebuild()

    def _push(self, layer) -> None:
        if (
            isinstance(layer, KerasTensor)
            and layer.call is not None
            and isinstance(layer.call.layer, InputLayer)
        ):
            layer = layer.call.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"[{self.name}.add] got a {type(layer).__name__}, expected a Layer")
        if any(known.name == layer.name for known in self._stack):
            raise ValueError(
                f"[{self.name}.add] a layer is named {layer.name} already, expected unique names"
            )
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError(
                f"[{self.name}.add] an Input comes after {self._stack[-1].name}, expected it to be first"
            )
        if not self._stack and not isinstance(layer, InputLayer):
            shape = layer.input_shape_argument
            if shape is None and isinstance(layer, Model) and layer._graph is not None:
                shape = layer.input_shape
            if shape is not None:
                self._stack.append(_input_of(shape, layer))
        self._stack.append(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off."""
        if not self.layers:
            raise ValueError(f"[{self.name}.pop] the model has no layers, expected at least one")
        layer = self._stack.pop()
        self.built, self._graph = False, None
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        if self._stack and isinstance(self._stack[0], InputLayer):
            if self._graph is not None:  # one more layer on what is there
                with naming.name_scope(self.name):
                    output = self._stack[-1](self._graph.outputs)
                self._set_graph(Graph(self._graph.inputs, output))
            else:
                self.build(self._stack[0].batch_shape)

    def _set_graph(self, graph: Graph) -> None:
        naming.unique_name("functional")  # Keras makes a functional model inside, which takes a number
        self._graph, self.built = graph, True

    def build(self, input_shape=None):
        """Makes the weights for inputs of this shape, batch axis included."""
        if not self._stack:
            raise ValueError(f"[{self.name}.build] the model has no layers, expected at least one")
        if input_shape is None and isinstance(self._stack[0], InputLayer):
            input_shape = self._stack[0].batch_shape
        if input_shape is None:
            raise ValueError(f"[{self.name}.build] input_shape is None, expected a shape with the batch axis")
        if not isinstance(self._stack[0], InputLayer):
            self._stack.insert(0, _input_of(tuple(input_shape), self._stack[0]))
        x = inputs = self._stack[0].output
        for layer in self._stack[1:]:
            x = layer(x)
        self._set_graph(Graph(inputs, x))

    def _build_for(self, args, kwargs):
        first = args[0] if args else next(iter(kwargs.values()))
        if nest.is_nested(first):
            raise ValueError(f"[{self.name}] got {len(first)} inputs, expected one; use Model for several")
        self.build((None, *first.shape[1:]))

    def call(self, inputs, training=None, mask=None):
        """The output of the last layer."""
        x = self._fitted(inputs)[0]
        for layer in self._stack[1:]:
            x = layer(x)
        return x

    def _converted(self, value):
        return value if self._graph is not None else Layer._converted(self, value)

    def get_config(self) -> dict:
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy.name,
            "layers": [serialization.serialize_keras_object(layer) for layer in self._stack],
        }
        if self._graph is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, values: dict, custom_objects=None):
        with serialization.custom_object_scope(custom_objects):
            model = cls(name=values.get("name"), trainable=values.get("trainable", True))
            for layer in values["layers"]:
                model.add(serialization.deserialize_keras_object(layer))
            if model._graph is None and values.get("build_input_shape"):
                model.build(tuple(values["build_input_shape"]))
            return model


def _input_of(shape, layer: Layer) -> InputLayer:
    """An InputLayer of a shape with batch axis, and of the dtype that the layer after it works on."""
    return Input(batch_shape=tuple(shape), dtype=layer.input_dtype).call.layer
