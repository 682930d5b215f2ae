# SPDX-License-Identifier: Apache-2.0
"""What a layer's `call` and `build` take, read once a class, and the state that nested calls share."""

from __future__ import annotations

import inspect
import threading


class CallSignature:
    """Parameter names of a `call` and a `build`, and what `call` wants filled in."""

    def __init__(self, cls: type):
        parameters = [p for p in inspect.signature(cls.call).parameters.values()][1:]
        named = [
            p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        self.names = tuple(p.name for p in named if p.kind != p.KEYWORD_ONLY)
        accepted = {p.name: p for p in named}
        self.required = tuple(p.name for p in named if p.default is p.empty)
        self.any_keyword = any(p.kind == p.VAR_KEYWORD for p in parameters)
        self.has_training = "training" in accepted
        default = accepted["training"].default if self.has_training else None
        self.training_default = default if isinstance(default, bool) else None
        self.has_mask = "mask" in accepted
        self.mask_names = {n.removesuffix("_mask"): n for n in accepted if n.endswith("_mask")}
        build = [p for p in inspect.signature(cls.build).parameters.values()][1:]
        self.build_names = tuple(p.name for p in build if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))

    def bound(self, args: tuple, kwargs: dict) -> dict:
        """Arguments by name; positional ones beyond the named get numbers."""
        names = self.names + tuple(range(len(self.names), len(args)))
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def check_given(self, layer: str, args: tuple, kwargs: dict) -> None:
        """A TypeError where an argument that `call` needs is missing."""
        missing = [name for name in self.required if name not in self.bound(args, kwargs)]
        if missing:
            raise TypeError(
                f"[{layer}] the call lacks {', '.join(missing)}, expected {', '.join(self.required)}"
            )


class CallState(threading.local):
    """Shared by the calls nested in an outermost one: the training flag, and which layers added losses."""

    depth = 0
    training: bool | None = None
    with_losses: list | None = None


call_state = CallState()
