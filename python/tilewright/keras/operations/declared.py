# SPDX-License-Identifier: Apache-2.0
"""How a function of `keras.ops` is declared: with Keras's signature, as a node of models or as no node.

A node is an operation of a model that is being described; Keras's class for it names it in files. Its
`values` are what may be a KerasTensor, and what the class's `call` takes; the other arguments, its `options`,
are those of the class's constructor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

NUMPY, NN, CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"
MATH, LINALG, EINOPS = "keras.src.ops.math", "keras.src.ops.linalg", "keras.src.ops.einops"


class Node(NamedTuple):
    """A function that can be an operation of a model.

    class_name, module : of Keras's class;  function : of arrays, with Keras's signature
    values, options : the names of its arguments;  call : what the class's `call` runs
    """

    class_name: str
    module: str
    function: Callable
    values: tuple[str, ...]
    options: tuple[str, ...]
    call: Callable


NODES: dict[str, Node] = {}
PLAIN: dict[str, Callable] = {}


def node(module: str, values: int | str = 1, class_name: str | None = None, call: Callable | None = None):
    """A decorator: the function stands in models.

    Parameters
        values : how many of the first arguments are values, or the names of those that are
        class_name : of Keras's class, by default the function's name in CamelCase
        call : what the node runs where it does not take the values first, then the options by name
    """

    def declare(function):
        name = named(function)
        arguments = tuple(inspect.signature(function).parameters)
        chosen = tuple(values.split()) if isinstance(values, str) else arguments[:values]
        options = tuple(a for a in inspect.signature(call or function).parameters if a not in chosen)
        title = class_name or "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        NODES[name] = Node(title, module, function, chosen, options, call or function)
        return function

    return declare


def plain(function):
    """A decorator: the function takes arrays alone."""
    PLAIN[named(function)] = function
    return function


def named(function) -> str:
    """The function's name in `keras.ops`: without the underscore that keeps it apart from a builtin."""
    function.__name__ = function.__qualname__ = function.__name__.removesuffix("_")
    return function.__name__


def called(name: str, function, doc: str | None = None):
    """The function, made by another one, under a name and a docstring of its own."""
    function.__name__, function.__doc__ = name, doc or f"`{name}` of arrays or of KerasTensors."
    return function
