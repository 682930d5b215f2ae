# SPDX-License-Identifier: Apache-2.0
"""Model: layers put together, by naming inputs and outputs or by a class of one's own; trained by `fit`."""

from __future__ import annotations

import functools
import inspect
import json
import warnings

from tilewright import nest, ops
from tilewright.autograd import Tensor
from tilewright.keras import nested_shapes, registration, saving, serialization
from tilewright.keras.graph import Graph, KerasTensor
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.operation import Operation
from tilewright.keras.models import functional_config
from tilewright.keras.models import summary as summaries
from tilewright.keras.models.own_inputs import with_own_inputs
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

    _checks_sizes = True  # whether inputs must have the sizes of the Inputs, or their rank alone

    def __new__(cls, *args, **kwargs):
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, inputs=None, outputs=None, name=None, **kwargs):
        Layer.__init__(self, name=name, **kwargs)
        Trainer.__init__(self)
        self._graph: Graph | None = None
        self._compile_arguments: dict | None = None
        if inputs is not None or outputs is not None:
            if inputs is None or outputs is None:
                raise ValueError(
                    f"[{self.name}] got {'outputs' if inputs is None else 'inputs'} only, expected inputs "
                    "and outputs"
                )
            self._set_graph(Graph(*with_own_inputs(inputs, outputs)))

    def _set_graph(self, graph: Graph) -> None:
        self._graph = graph
        self._graph_layers = graph.layers
        self.built = True

    # ---- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers directly below; those of a functional model in Keras's order."""
        found = self._sublayers() if self._graph is None else self._graph_layers
        return [layer for layer in found if isinstance(layer, Layer) and not isinstance(layer, Operation)]

    @property
    def operations(self) -> list[Layer]:
        """The layers, and the operations between them."""
        return self.layers if self._graph is None else list(self._graph_layers)

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
        lambda self: _only([t.shape for t in nest.flatten(self.input)]), doc="with the batch axis"
    )
    output_shape = property(
        lambda self: _only([t.shape for t in nest.flatten(self.output)]), doc="with the batch axis"
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
            shapes = nested_shapes.flatten_shapes(input_shape)
            inputs = [Tensor(ops.zeros(tuple(1 if n is None else n for n in s), self.dtype)) for s in shapes]
            self(inputs[0] if nested_shapes.is_shape(input_shape) else inputs)
        self.built = True

    def _build_for(self, args, kwargs):
        # Layers of a class of one's own build themselves in `call`.
        if "build" in type(self).__dict__:
            super()._build_for(args, kwargs)
        elif self._graph is None:
            self._note_shapes(args, kwargs)
        self.built = True

    def _converted(self, value):
        if self._graph is None:
            return super()._converted(value)
        return value

    def reset_states(self) -> None:
        """All stateful recurrent layers start from zeros again; Keras 2's method."""
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "stateful", False):
                layer.reset_state()

    def call(self, inputs, training=None, mask=None):
        """The outputs for inputs in the structure of the model's own."""
        if self._graph is None:
            raise NotImplementedError(f"[{self.name}] call is not defined")
        return _only(self._graph.run(self._fitted(inputs)))

    def _fitted(self, inputs) -> list:
        """One Tensor per input, cast to its dtype, with an axis of size 1 more or less where that fits."""
        wanted = self._graph.flat_inputs
        values = self._from_dict(inputs) if isinstance(inputs, dict) else nest.leaves(inputs)
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
        if value.dtype.kind in "USO" and tensor.array_dtype.kind != "O":
            raise TypeError(
                f"[{self.name}] input {tensor.name} has dtype {value.dtype}, expected numbers: texts need an "
                "Input of dtype 'string'"
            )
        if len(shape) != len(wanted):
            if len(shape) == len(wanted) + 1 and shape[-1] == 1:
                value = ops.squeeze(value, -1)
            elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
                value = ops.expand_dims(value, -1)
        if len(value.shape) != len(wanted) or (
            self._checks_sizes
            and any(m not in (None, n) for n, m in zip(value.shape[1:], wanted[1:], strict=True))
        ):
            raise ValueError(f"[{self.name}] input {tensor.name} has shape {shape}, expected {wanted}")
        if value.dtype != tensor.array_dtype and tensor.array_dtype.kind != "O":  # texts stay as they are
            value = ops.cast(value, tensor.dtype)
        return value

    def compute_output_spec(self, *args, **kwargs):
        if self._graph is None:
            return super().compute_output_spec(*args, **kwargs)
        return self._graph_shapes(args[0] if args else next(iter(kwargs.values())))

    def _graph_shapes(self, inputs):
        """The graph run on other KerasTensors: each layer's output specification in turn."""
        given = self._from_dict(inputs) if isinstance(inputs, dict) else nest.leaves(inputs)
        held = {id(t): value for t, value in zip(self._graph.flat_inputs, given, strict=True)}
        for call in self._graph.calls:

            def place(leaf, held=held):
                return held[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

            outputs = call.layer.compute_output_spec(
                *nest.map_leaves(place, call.args), **nest.map_leaves(place, call.kwargs)
            )
            held.update(zip(map(id, nest.leaves(call.outputs)), nest.leaves(outputs), strict=True))
        return nest.map_leaves(
            lambda t: KerasTensor(held[id(t)].shape, held[id(t)].dtype), self._graph.outputs
        )

    def compute_output_shape(self, input_shape):
        spec = self.compute_output_spec(KerasTensor(input_shape, self.dtype))
        return nest.map_leaves(lambda t: t.shape, spec)

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
        """Prints a table of layers, output shapes and numbers of parameters.

        Parameters
            line_length : characters in a line;  positions : where the columns end, as shares of the line
            print_fn : called with the text instead of `print`
            expand_nested : also the layers inside models;  show_trainable : a column that says Y or N
            layer_range : two names or patterns, of the first and the last layer to show
        """
        text = summaries.text(self, line_length, positions, expand_nested, show_trainable, layer_range)
        if print_fn is None:
            print(text)
        else:
            print_fn(text + "\n")

    def save(
        self, filepath, overwrite: bool = True, zipped: bool | None = None, include_optimizer: bool = True
    ) -> None:
        """Writes the whole model, weights, compile arguments and state of the optimizer, to a .keras file."""
        saving.save_model(self, filepath, overwrite, zipped, include_optimizer)

    def __reduce__(self):
        from tilewright.keras.saving import keras_file

        return keras_file.pickled(self)

    def save_weights(self, filepath, overwrite: bool = True) -> None:
        """Writes all weights to a .safetensors or .weights.h5 file."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Reads weights from a .safetensors, .weights.h5, .keras or .h5 file; changes nothing unless all fit.

        Parameters
            skip_mismatch : leaves variables as they are where the file has none for them or others
            by_name : for .h5 files of Keras 2: by the names of layers instead of their order
        """
        saving.load_weights(self, filepath, skip_mismatch, by_name)

    def get_config(self) -> dict:
        if self._graph is not None and _is_made_of_inputs_and_outputs(type(self)):
            return functional_config.describe(self)
        return super().get_config()

    @classmethod
    def from_config(cls, values: dict, custom_objects=None):
        """The model, without its weights, that `get_config` described."""
        with serialization.custom_object_scope(custom_objects):
            if "input_layers" in values and "output_layers" in values:
                return functional_config.build(cls, values)
            return super().from_config(values)

    def to_json(self, **options) -> str:
        """The configuration as JSON."""
        return json.dumps(serialization.serialize_with_sharing(self), **options)

    def own_objects(self) -> dict:
        """The classes and functions of users that the model is made of, by their names in configurations."""
        parts = [*map(type, self._flatten_layers()), *nest.leaves(self._compile_arguments)]
        own = [p for p in parts if hasattr(p, "__name__") and registration.module_of(p) is None]
        return {registration.get_registered_name(part): part for part in own}

    # ---- how it was compiled, for saving

    @functools.wraps(Trainer.compile)
    def compile(self, *args, **kwargs):
        Trainer.compile(self, *args, **kwargs)
        given = inspect.signature(Trainer.compile).bind(self, *args, **kwargs).arguments
        values = {name: given.get(name) for name in _COMPILE_ARGUMENTS} | given.get("kwargs", {})
        self._compile_arguments = {**values, "optimizer": self.optimizer}

    def get_compile_config(self) -> dict:
        """What `compile` was given, as plain data; empty if it was not called."""
        values = self.__dict__.get("_compile_arguments")
        return serialization.serialize_keras_object(values) if values else {}

    def compile_from_config(self, values: dict) -> None:
        """Compiles as `get_compile_config` says, and makes the optimizer's variables."""
        if type(self).compile is not Model.compile:
            warnings.warn(
                f"{type(self).__name__} has its own compile, so it was not called on loading; call it, or "
                "define get_compile_config and compile_from_config",
                stacklevel=2,
            )
            return
        self.compile(**serialization.read_arguments(values))
        if self.built and self.weights:
            self.optimizer.build(self.trainable_variables)


_COMPILE_ARGUMENTS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class Functional(Model):
    """What `Model(inputs, outputs)` gives: the network between two sets of KerasTensors."""


def _only(values):
    """The value in a list of one, anything else as it is."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _is_made_of_inputs_and_outputs(cls: type) -> bool:
    """Whether a class is constructed as Model is, so that its graph is its configuration."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    kinds = {p.kind for p in parameters}
    return (
        cls.__init__ is Model.__init__
        or {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    )
