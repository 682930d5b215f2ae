# SPDX-License-Identifier: Apache-2.0
"""Model: layers put together, by naming inputs and outputs or by a class of one's own; trained by `fit`."""

from __future__ import annotations

import json

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import naming, nest, saving, serialization
from tilewright.keras.graph import Graph, KerasTensor
from tilewright.keras.layers.layer import Layer
from tilewright.keras.models import functional_config
from tilewright.keras.models import summary as summaries
from tilewright.keras.training.trainer import Trainer


class Model(Trainer, Layer):
    """A layer made of layers, that can be compiled, fitted, evaluated and saved.

    `Model(inputs, outputs)` is the network between two sets of KerasTensors; a subclass defines `call`
    instead.

    Parameters
        inputs, outputs : KerasTensor, or nested lists, tuples or dicts of them
        trainable, name : as Layer's
    Examples
        >>> from tilewright.keras import layers
        >>> image = layers.Input((4,))
        >>> model = Model(image, layers.Dense(2)(image))
        >>> model.output_shape, model.count_params()
        ((None, 2), 10)
    """

    def __init__(self, inputs=None, outputs=None, *, name=None, **kwargs):
        functional = inputs is not None or outputs is not None
        numbered = functional and name is None and type(self) is Model
        Layer.__init__(self, name=naming.unique_name("functional") if numbered else name, **kwargs)
        self.named_by_user = name is not None
        Trainer.__init__(self)
        self._graph: Graph | None = None
        if functional:
            if inputs is None or outputs is None:
                raise ValueError(
                    f"[{self.name}] got {'outputs' if inputs is None else 'inputs'} only, expected inputs "
                    "and outputs"
                )
            self._set_graph(Graph(inputs, outputs))

    def _set_graph(self, graph: Graph) -> None:
        self._graph = graph
        self._graph_layers = graph.layers
        self.built = True

    # ---- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers directly below, inputs first."""
        return [layer for layer in self._sublayers() if isinstance(layer, Layer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name or index."""
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(
                f"[{self.name}.get_layer] got name {name!r} and index {index}, expected one of them"
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"[{self.name}.get_layer] index is {index}, expected less than {len(layers)}"
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise serialization.unknown(f"{self.name}.get_layer", name, [layer.name for layer in layers])

    def _needs_graph(self) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"[{self.name}] the model has no symbolic inputs and outputs, expected it to be made of an "
                "Input and what layers give for it"
            )
        return self._graph

    inputs = property(lambda self: self._needs_graph().flat_inputs, doc="list of KerasTensors")
    outputs = property(lambda self: self._needs_graph().flat_outputs, doc="list of KerasTensors")
    input = property(lambda self: self._needs_graph().inputs, doc="KerasTensors as given")
    output = property(lambda self: self._needs_graph().outputs, doc="KerasTensors as given")
    input_shape = property(
        lambda self: nest.map_structure(lambda t: t.shape, self.input), doc="shape with batch axis"
    )
    output_shape = property(
        lambda self: nest.map_structure(lambda t: t.shape, self.output), doc="shape with batch axis"
    )

    @property
    def output_names(self) -> list[str] | None:
        """Names of the layers that make the outputs; None for a model that is a class of its own."""
        return None if self._graph is None else [t.call.layer.name for t in self._graph.flat_outputs]

    @property
    def input_names(self) -> list[str] | None:
        """Names of the inputs."""
        return None if self._graph is None else [t.name for t in self._graph.flat_inputs]

    # ---- calling

    def build(self, input_shape=None):
        """Makes the weights by calling the model on an Input of this shape (or shapes)."""
        if self._graph is None and input_shape is not None and type(self).call is not Model.call:
            shapes = nest.flatten_shapes(input_shape)
            inputs = [Tensor(ops.zeros(tuple(1 if n is None else n for n in s), self.dtype)) for s in shapes]
            self(inputs[0] if nest.is_shape(input_shape) else inputs)
        self.built = True

    def _build_for(self, args, kwargs):
        # Layers of a class of one's own build themselves in `call`.
        if "build" in type(self).__dict__:
            super()._build_for(args, kwargs)
        self.built = True

    def _converted(self, value):
        if self._graph is None:
            return super()._converted(value)
        return value

    def call(self, inputs, training=None, mask=None):
        """The outputs for inputs in the structure of the model's own."""
        if self._graph is None:
            raise NotImplementedError(f"[{self.name}] call is not defined")
        return self._graph.run(self._fitted(inputs))

    def _fitted(self, inputs) -> list:
        """One Tensor per input, cast to its dtype, with an axis of size 1 added or taken where that makes it
        fit.
        """
        wanted = self._graph.flat_inputs
        values = self._from_dict(inputs) if isinstance(inputs, dict) else nest.flatten(inputs)
        if len(values) != len(wanted):
            raise ValueError(
                f"[{self.name}] got {len(values)} inputs, expected {len(wanted)}: "
                f"{', '.join(t.name for t in wanted)}"
            )
        return [self._fit_one(value, tensor) for value, tensor in zip(values, wanted, strict=True)]

    def _from_dict(self, inputs: dict) -> list:
        keys = (
            list(self._graph.inputs)
            if isinstance(self._graph.inputs, dict)
            else [t.name for t in self._graph.flat_inputs]
        )
        missing = [key for key in keys if key not in inputs]
        if missing:
            raise ValueError(f"[{self.name}] inputs have keys {sorted(inputs)}, expected {keys}")
        return [inputs[key] for key in keys]

    def _fit_one(self, value, tensor: KerasTensor):
        value = Layer._converted(self, value)
        shape, wanted = tuple(value.shape), tensor.shape
        if value.dtype.kind in "USO" and tensor.array_dtype != object:
            raise TypeError(
                f"[{self.name}] input {tensor.name} has dtype {value.dtype}, expected numbers: texts need an "
                "Input of dtype 'string'"
            )
        if len(shape) != len(wanted):
            if len(shape) == len(wanted) + 1 and shape[-1] == 1:
                value = ops.squeeze(value, -1)
            elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
                value = ops.expand_dims(value, -1)
        if len(value.shape) != len(wanted) or any(
            m not in (None, n) for n, m in zip(value.shape[1:], wanted[1:], strict=True)
        ):
            raise ValueError(f"[{self.name}] input {tensor.name} has shape {shape}, expected {wanted}")
        if value.dtype != tensor.array_dtype and tensor.array_dtype != object:  # texts stay as they are
            value = ops.cast(value, tensor.dtype)
        return value

    def compute_output_spec(self, *args, **kwargs):
        if self._graph is None:
            return super().compute_output_spec(*args, **kwargs)
        return self._graph_shapes(args[0] if args else next(iter(kwargs.values())))

    def _graph_shapes(self, inputs):
        """The graph run on other KerasTensors: each layer's output specification in turn."""
        given = self._from_dict(inputs) if isinstance(inputs, dict) else nest.flatten(inputs)
        held = {id(t): value for t, value in zip(self._graph.flat_inputs, given, strict=True)}
        for call in self._graph.calls:

            def place(leaf, held=held):
                return held[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

            outputs = call.layer.compute_output_spec(
                *nest.map_structure(place, call.args), **nest.map_structure(place, call.kwargs)
            )
            held.update(zip(map(id, nest.flatten(call.outputs)), nest.flatten(outputs), strict=True))
        return nest.map_structure(
            lambda t: KerasTensor(held[id(t)].shape, held[id(t)].dtype), self._graph.outputs
        )

    def compute_output_shape(self, input_shape):
        spec = self.compute_output_spec(KerasTensor(input_shape, self.dtype))
        return nest.map_structure(lambda t: t.shape, spec)

    # ---- showing and saving

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ) -> None:
        """Prints a table of layers, output shapes and numbers of parameters."""
        text = summaries.text(self, line_length, expand_nested, show_trainable)
        (print_fn or print)(text)

    def save_weights(self, filepath, overwrite: bool = True) -> None:
        """Writes all weights to a .safetensors file."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath) -> None:
        """Reads the weights that `save_weights` wrote; changes nothing unless all fit."""
        saving.load_weights(self, filepath)

    def get_config(self) -> dict:
        if self._graph is not None and type(self).call is Model.call:
            return functional_config.describe(self)
        return super().get_config()

    @classmethod
    def from_config(cls, values: dict, custom_objects=None):
        with serialization.custom_object_scope(custom_objects):
            if "input_layers" in values and "output_layers" in values:
                return functional_config.build(cls, values)
            return super().from_config(values)

    def to_json(self, **options) -> str:
        """The configuration as JSON."""
        return json.dumps(serialization.serialize_keras_object(self), **options)
