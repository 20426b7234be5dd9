#!/usr/bin/env python3
"""Writes python/wgvq/_quantizers.pyi: the classes with their parameters, which at run time come from the library's table.

With --check it only compares. It needs the wgvq of this checkout, installed.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import wgvq
from wgvq import _quantizers
from wgvq._estimator import Estimator
from wgvq._parameters import COMMON, Argument

HEAD = '''"""Made by scripts/python_stubs.py."""

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._estimator import Estimator
'''


def parameter(argument: Argument) -> str:
    default = "" if argument.default is inspect.Parameter.empty else f" = {argument.default!r}"
    return f"{argument.name}: {argument.type}{default}"


def function(name: str, function: Callable[..., object]) -> str:
    """The line of a function, whose annotations are strings."""
    signature = inspect.signature(function)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        annotation = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parameters.append(f"{stars}{parameter.name}{annotation}{default}")
    return f"def {name}({', '.join(parameters)}) -> {signature.return_annotation}: ..."


def class_of(cls: type[Estimator]) -> str:
    bases = ", ".join(base.__name__ for base in cls.__bases__)
    lines = [f"class {cls.__name__}({bases}):"]
    sizes = getattr(cls, "_sizes", ())
    settings = getattr(cls, "_class_settings", ())
    named = (*settings, *COMMON)
    lines += [f"    {name}: {kind}" for name, kind in vars(cls).get("__annotations__", {}).items() if name[0] != "_"]
    if sizes:
        lines += [f"    {argument.name}: {argument.type}" for argument in (*sizes, *named)]
        others = ["*", *map(parameter, named)]
        if cls is _quantizers.Quantizer:
            others.append("**settings: Any")
        arguments = ", ".join(["self", *map(parameter, sizes), *others])
        lines.append(f"    def __init__({arguments}) -> None: ...")
    if cls is _quantizers.Quantizer:
        lines.append("    def __getattr__(self, name: str) -> Any: ...")
    for name, value in vars(cls).items():
        if name.startswith("_") or name == "set_params":
            continue
        if isinstance(value, property):
            lines += ["    @property", f"    {function(name, value.fget)}"]
        elif inspect.isfunction(value):
            lines.append(f"    {function(name, value)}")
    return "\n".join(lines if len(lines) > 1 else [lines[0] + " ..."])


def stub() -> str:
    classes = [_quantizers.OneCode] + [
        value
        for value in vars(_quantizers).values()
        if isinstance(value, type) and value.__name__ in wgvq.__all__
    ]
    functions = [function(name, getattr(_quantizers, name)) for name in ("from_spec", "load")]
    return "\n".join([HEAD, *map(class_of, classes), *functions]) + "\n"


def main() -> int:
    path = Path(__file__).parents[1] / "python" / "wgvq" / "_quantizers.pyi"
    if "--check" not in sys.argv[1:]:
        path.write_text(stub())
        return 0
    if path.read_text() == stub():
        return 0
    print(f"{path} is out of date; scripts/python_stubs.py writes it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
