# SPDX-License-Identifier: Apache-2.0
"""DTypePolicy: the dtype a layer computes in, and the dtype its variables have."""

from __future__ import annotations

from tilewright.dtype_names import dtype_of
from tilewright.keras import defaults
from tilewright.suggestion import missing

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """Two dtypes by one name, as Keras has it.

    Parameters
        name : "mixed_float16" and "mixed_bfloat16" compute in 16 bits and keep variables in float32; the name
            of a dtype is both. The global policy (`keras.config.set_dtype_policy`) where None
    Raises    ValueError: another name.  TypeError: no str
    Examples
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"[DTypePolicy] name is a {type(name).__name__}, expected a str")
        if name not in _MIXED:
            try:
                dtype_of(name)
            except TypeError:
                raise ValueError(
                    f"[DTypePolicy] name is {name!r}, expected {', '.join(_MIXED)} or the name of a dtype"
                ) from None
        self.name = name
        self.compute_dtype = _MIXED.get(name) or str(dtype_of(name))
        self.variable_dtype = "float32" if name in _MIXED else self.compute_dtype

    @property
    def quantization_mode(self) -> None:
        return None

    def get_config(self) -> dict:
        return {"name": self.name}

    @classmethod
    def from_config(cls, values: dict) -> DTypePolicy:
        return cls(**values)

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


def get(identifier) -> DTypePolicy:
    """The policy for a policy, its configuration, a name, a dtype, or None (the global one)."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy.from_config(identifier.get("config", identifier))
    if identifier is not None and not isinstance(identifier, str):
        identifier = getattr(identifier, "name", None) or str(dtype_of(identifier))
    return DTypePolicy(identifier)


_global: DTypePolicy | None = None  # where None: of `floatx`


def dtype_policy() -> DTypePolicy:
    """The DTypePolicy of layers that name none."""
    return _global or DTypePolicy(defaults.floatx())


def set_dtype_policy(policy) -> None:
    """Sets `dtype_policy`: a DTypePolicy, or "mixed_bfloat16", "mixed_float16", the name of a dtype."""
    global _global
    _global = None if policy is None else get(policy)


__getattr__ = missing(__name__)
