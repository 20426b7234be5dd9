"""Docstrings of estimators, as numpy writes them: sections of parameters and attributes, which come from the table."""

from __future__ import annotations

import inspect

from ._parameters import Argument

EXAMPLES = "Examples\n--------"

ATTRIBUTES = """Attributes
----------
n_features_in_ : int
    The dimensions of a vector.
codebook_sizes_ : list of int
    Codewords per codebook: one entry per code of a vector.
codebooks_ : list of arrays (k, d)
    The codebooks whose codewords add up, each of the dimensions it is of; none for scalars and lattices.
rotation_ : array (d, d) or None
    What vectors are turned by before they are encoded.
bits_per_vector_ : float
    Bits of the codes of a vector without entropy coding.
spec_ : str
    What was trained, by the name that the command line has for it.
n_iter_ : int
    Iterations or steps that training took."""


def documented(text: str | None, arguments: tuple[Argument, ...]) -> str:
    """The docstring of a class with its parameters and the attributes that training gives it, before its examples."""
    about, heading, examples = inspect.cleandoc(text or "").partition(EXAMPLES)
    sections = [about.strip(), parameters(arguments), ATTRIBUTES]
    return "\n\n".join(sections + [heading + examples] if heading else sections)


def parameters(arguments: tuple[Argument, ...]) -> str:
    """The section of parameters."""
    lines = ["Parameters", "----------"]
    for argument in arguments:
        kind = argument.type.replace(" | ", " or ")
        default = "" if argument.default is inspect.Parameter.empty else f", default={argument.default!r}"
        lines.append(f"{argument.name} : {kind}{default}")
        lines.append(f"    {argument.help}")
    return "\n".join(lines)
