# SPDX-License-Identifier: Apache-2.0
"""Layer: weights made on first use, a call, a configuration. The base of every layer and model."""

from __future__ import annotations

import contextlib
import functools

from tilewright import nest, ops, recording
from tilewright.dtype_names import dtype_of
from tilewright.keras import initializers, naming, regularizers, serialization
from tilewright.keras.annotated import masks_of
from tilewright.keras.graph import Call, is_symbolic, probe_shapes, specs_of, symbols
from tilewright.keras.layers import mask_passing
from tilewright.keras.layers.arguments import (
    constructor_arguments,
    described,
    note,
    take_input_shape,
    unknown_arguments,
)
from tilewright.keras.layers.call_signature import CallSignature, call_state
from tilewright.keras.layers.compute_dtype import ComputesInDtype
from tilewright.keras.layers.saved_state import SavedState
from tilewright.keras.layers.weights import WeightOwner
from tilewright.suggestion import NamedArguments, named_arguments
from tilewright.variable import Variable

# Attributes that only loops over steps look at.
_SEEN_BETWEEN_STEPS = frozenset({"history", "stop_training", "_streams", "_weights_known"})


class Layer(NamedArguments, SavedState, ComputesInDtype, WeightOwner):
    """A function with weights, as Keras's Layer: define `build(input_shape)` and `call(inputs)`.

    Parameters
        activity_regularizer : adds a loss computed from the outputs
        trainable : whether training changes the weights
        dtype : DTypePolicy, its name or a dtype; `config.dtype_policy()` where None
        autocast : float inputs, and weights within `call`, are cast to `compute_dtype`
        name : unique in a model; numbered after the class where None
    """

    input_spec = None
    supports_masking = False
    config_fields: tuple[str, ...] = ()  # attributes that `get_config` writes down, named like the arguments

    def __new__(cls, *args, **kwargs):
        layer = super().__new__(cls, *args, **kwargs)
        object.__setattr__(layer, "_init_arguments", (args, kwargs))
        return layer

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _scoped_build(cls.__dict__["build"])

    def __init__(
        self,
        *,
        activity_regularizer=None,
        trainable: bool = True,
        dtype=None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs,
    ):
        super().__init__()
        self.input_shape_argument = take_input_shape(kwargs)
        if kwargs:
            raise unknown_arguments(type(self), kwargs)
        self.named_by_user = name is not None
        self.name = str(name) if name is not None else naming.auto_name(type(self))
        self._set_dtypes(dtype, autocast)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = self._called = False
        self.path = self.name
        self._trainable = bool(trainable)
        self._calls: list[Call] = []
        self._losses: list = []

    def __setattr__(self, name, value):
        if isinstance(value, Variable):
            self._track(value)
        if name not in _SEEN_BETWEEN_STEPS:
            recording.note_attribute(self, name, value)
        super().__setattr__(name, value)

    # ---- weights

    @naming.name_may_come_first
    @named_arguments
    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ) -> Variable:
        """Makes a weight of this layer; by Glorot's uniform initializer where None, zeros for integers."""
        if overwrite_with_gradient:
            raise NotImplementedError(
                f"[{self.name}.add_weight] overwrite_with_gradient is True, expected False: training changes "
                "weights by the optimizer"
            )
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n is None for n in shape):
            raise ValueError(
                f"[{self.name}] weight {name or 'variable'} has shape {shape}, expected known sizes: "
                "the input shape is open where the layer needs it"
            )
        dtype = dtype_of(dtype or self.dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtype.kind in "fV" else "zeros"
        name = name or "variable"
        variable = Variable(
            initializers.get(initializer)(shape, dtype=dtype),
            trainable,
            name,
            shape=shape,
            dtype=dtype,
            regularizer=regularizers.get(regularizer),
            constraint=constraint,
            path="/".join((*naming.current_scope(), name)),
        )
        self._track(variable, trainable=trainable)
        if not autocast or variable.dtype.kind not in "fV":
            self._uncast.add(id(variable))
        if not self._trainable:
            variable.trainable = False
        return variable

    def add_ruled_weight(self, name: str, shape, rules: str | None = None, **options) -> Variable:
        """`add_weight` by the attributes <rules>_initializer, _regularizer, _constraint; rules: `name`."""
        rules = rules or name
        given = {
            "initializer": getattr(self, f"{rules}_initializer"),
            "regularizer": getattr(self, f"{rules}_regularizer"),
            "constraint": getattr(self, f"{rules}_constraint"),
        }
        return self.add_weight(shape, name=name, **{**given, **options})

    def add_loss(self, loss) -> None:
        """Adds a scalar (or a list of them) to what training minimises, for the running call."""
        if not self._losses and call_state.with_losses is not None:
            call_state.with_losses.append(self)
        self._losses.extend(nest.leaves(loss))

    @property
    def losses(self) -> list:
        """Losses of the last call and of regularizers, in this layer and below."""
        found = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return found + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    # ---- shapes and building

    def build(self, input_shape):
        """Makes the weights for inputs of this shape; layers override it."""
        self.built = True

    def compute_output_shape(self, input_shape):
        """Shape of the output for inputs of this shape; layers override it."""
        raise NotImplementedError(f"[{self.name}] compute_output_shape is not defined")

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors like what `call` would give for these KerasTensors."""
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            shapes = nest.map_leaves(lambda t: t.shape, args[0] if args else next(iter(kwargs.values())))
            shape = self.compute_output_shape(shapes)
            return specs_of(shape, self.compute_dtype)
        try:
            return probe_shapes(self, (args, kwargs))
        except Exception:
            with contextlib.suppress(Exception):  # the first error says more
                if self._signature().has_mask:  # a `call` may ask for the mask that its input will carry
                    return probe_shapes(self, (args, kwargs), masked=True)
            raise

    def compute_mask(self, inputs, mask=None):
        """The mask of the outputs; that of the inputs unless overridden."""
        return mask

    # ---- calling

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"[{self.name}] call is not defined")

    def __call__(self, *args, **kwargs):
        if is_symbolic(args, kwargs):
            return self._describe(args, kwargs)
        args = tuple([self._converted(a) for a in args])
        if kwargs:
            kwargs = {name: self._converted(value) for name, value in kwargs.items()}
        first = args[0] if args else next(iter(kwargs.values()), None)
        if self.input_spec is not None:
            self._check_input(first)
        if not self.built:
            self._build_for(args, kwargs)
        outer = call_state.training
        training = kwargs.get("training")
        if training is None:
            training = outer
        return self._run(first, args, kwargs, outer, training)

    def _run(self, first, args, kwargs, outer, training):
        """`call` with training flag and masks filled in; masks and losses of the outputs noted."""
        signature = type(self)._signature()
        if training is None:
            training = signature.training_default
        if signature.has_training:
            if training is not None:
                kwargs["training"] = training
        elif not signature.any_keyword:
            kwargs.pop("training", None)
        masked = masks_of(first)
        if masked is not None or (signature.mask_names and len(args) + len(kwargs) > 1):
            mask_passing.fill(signature, masked, args, kwargs)
        outermost = call_state.depth == 0
        if outermost:
            _forget_losses()
        call_state.depth += 1
        call_state.training = training
        try:
            if self._called:
                outputs = self._called_on(args, kwargs)
            else:
                with naming.name_scope(self.name):  # for the layers that are built inside
                    outputs = self._called_on(args, kwargs)
                self._called = True
        except (ValueError, TypeError, IndexError) as error:
            note(error, f"in layer {self.name} ({type(self).__name__}), called on {described(first)}")
            raise
        finally:
            call_state.depth -= 1
            call_state.training = outer
        if self.activity_regularizer is not None:
            for y in nest.leaves(outputs):
                loss = self.activity_regularizer(y)
                self.add_loss(ops.divide(loss, float(max(y.shape[0], 1))) if len(y.shape) else loss)
        makes_masks = type(self).compute_mask is not Layer.compute_mask
        if masked is not None or kwargs.get("mask") is not None or makes_masks:
            given = masked if kwargs.get("mask") is None else kwargs["mask"]
            if self.supports_masking or makes_masks:
                return mask_passing.attached(outputs, self.compute_mask(first, given))
            mask_passing.warn_of_loss(self, masked, outputs)
        return outputs

    def _build_for(self, args, kwargs):
        """Builds from the arguments' shapes: `build` gets that of the first, or one per `<name>_shape`."""
        signature = type(self)._signature()
        signature.check_given(self.name, args, kwargs)
        found = self._note_shapes(args, kwargs)
        wanted = signature.build_names
        if len(wanted) > 1 or (wanted and wanted[0] in found and len(found) > 1):
            self.build(**{name: found.get(name) for name in wanted})
        else:
            self.build(next(iter(found.values()), None))
        self.built = True

    def _note_shapes(self, args, kwargs) -> dict:
        """The arguments' shapes by `<name>_shape`; kept for `get_build_config`."""
        shapes = {}
        for name, value in type(self)._signature().bound(args, kwargs).items():
            leaves = nest.leaves(value)
            if leaves and all(hasattr(leaf, "shape") for leaf in leaves):
                shapes[f"{name}_shape"] = nest.map_leaves(lambda leaf: tuple(leaf.shape), value)
        self._built_for = shapes
        return shapes

    def _check_input(self, first):
        specs = self.input_spec
        values = nest.leaves(first)
        if not isinstance(specs, (list, tuple)):
            specs = [specs] * len(values)
        for spec, value in zip(specs, values, strict=False):
            if spec is not None and hasattr(value, "shape"):
                spec.check(self.name, tuple(value.shape), value.dtype)

    def _describe(self, args, kwargs):
        """A symbolic call: builds, works out the shapes of the outputs, notes the call."""
        if self.input_spec is not None:
            self._check_input(args[0] if args else next(iter(kwargs.values())))
        if not self.built:
            self._build_for(args, kwargs)
        try:
            outputs = self.compute_output_spec(*args, **{k: v for k, v in kwargs.items() if k != "training"})
        except (ValueError, TypeError, IndexError) as error:
            shapes = ", ".join(str(t.shape) for t in symbols((args, kwargs)))
            note(error, f"in layer {self.name} ({type(self).__name__}), called on shape {shapes}")
            raise
        self._calls.append(Call(self, args, kwargs, outputs))
        return outputs

    @classmethod
    def _signature(cls) -> CallSignature:
        signature = cls.__dict__.get("_call_signature")
        if signature is None:
            signature = cls._call_signature = CallSignature(cls)
        return signature

    # ---- where the layer stands in a graph

    def _only_call(self, what: str) -> Call:
        if not self._calls:
            raise AttributeError(
                f"[{self.name}] the layer has no {what}, expected it to be called on an Input first"
            )
        return self._calls[0]

    @property
    def input(self):
        """What the layer was first called on, symbolically."""
        args = self._only_call("input").args
        return args[0] if len(args) == 1 else args

    @property
    def output(self):
        """What that call gave."""
        return self._only_call("output").outputs

    # ---- configuration

    def get_config(self) -> dict:
        """Arguments that make such a layer again: the `config_fields`, else what `__init__` was given."""
        values = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy.name}
        for field in self.config_fields:
            value = getattr(self, field)
            bare = field.endswith("activation")  # Keras names these functions by their name alone
            values[field] = (
                serialization.serialize_keras_object(value) if bare else serialization.function_config(value)
            )
        if (
            not self.config_fields
            and type(self).get_config is Layer.get_config
            and type(self).__init__ is not Layer.__init__
        ):
            values = constructor_arguments(type(self), *self._init_arguments, values)
        return values

    @classmethod
    def from_config(cls, values: dict):
        """The layer that `get_config` described."""
        return cls(
            **{
                k: serialization.deserialize_keras_object(v)
                if isinstance(v, dict) and "class_name" in v
                else v
                for k, v in values.items()
            }
        )

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Layer._call_signature = None


def _scoped_build(build):
    """`build` run inside the layer's name scope; afterwards the layer counts as built."""

    @functools.wraps(build)
    def scoped(self, *args, **kwargs):
        if self.__dict__.get("_building"):
            return build(self, *args, **kwargs)
        object.__setattr__(self, "_building", True)
        if self.__dict__.get("_built_for") is None:
            shapes = {**dict(zip(type(self)._signature().build_names, args, strict=False)), **kwargs}
            object.__setattr__(self, "_built_for", {k: v for k, v in shapes.items() if v is not None})
        try:
            with naming.name_scope(self.name):
                self.path = "/".join(naming.current_scope())
                build(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "_building", False)
        self.built = True

    return scoped


def _forget_losses():
    for layer in call_state.with_losses or ():
        layer._losses.clear()
    call_state.with_losses = []
