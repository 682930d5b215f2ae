# SPDX-License-Identifier: Apache-2.0
"""SavedState: what of a layer goes into files, and how it is made from one; layers may override it."""

from __future__ import annotations

from tilewright.keras import nested_shapes


class SavedState:
    """The part of a layer that saving asks."""

    def save_own_variables(self, store: dict) -> None:
        """Puts the layer's own weights, not those of the layers below, into `store` under "0", "1" ..."""
        for i, variable in enumerate(self._own_weights()):
            store[str(i)] = variable

    def load_own_variables(self, store: dict) -> None:
        """Assigns what `save_own_variables` stored; whoever overrides one overrides the other."""
        own = self._own_weights()
        if len(store) != len(own):
            raise ValueError(f"[{self.name}] the file has {len(store)} variables, expected {len(own)}")
        for i, variable in enumerate(own):
            variable.assign(store[str(i)])

    def get_build_config(self) -> dict | None:
        """The shapes that the layer was built for, to build it from a file; None where it was not."""
        shapes = self.__dict__.get("_built_for")
        if not shapes:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, values: dict) -> None:
        """Builds for the shapes that `get_build_config` gave."""
        if "input_shape" in values:
            self.build(nested_shapes.as_shapes(values["input_shape"]))
        elif "shapes_dict" in values:
            self.build(
                **{name: nested_shapes.as_shapes(shape) for name, shape in values["shapes_dict"].items()}
            )
        self.built = True
