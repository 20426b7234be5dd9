"""Parameters of estimators: the sizes that make a spec, the settings of the library's table, and what all have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature
from typing import Any

from . import _wgvq


@dataclass(frozen=True)
class Argument:
    """A parameter: its name, default, type (as an annotation) and what it does."""

    name: str
    default: Any
    type: str
    help: str
    #: Whether it can still be changed after training.
    encodes: bool = False


#: What every estimator has beside its sizes and settings.
COMMON = (
    Argument(
        "random_state",
        0,
        "int | np.random.RandomState | np.random.Generator | None",
        "The seed of everything random. None draws one.",
    ),
    Argument(
        "device",
        "auto",
        "str",
        'Where to compute: "auto" (the best GPU, or the CPU), "cpu", "gpu", "gpu:N" or "gpu:NAME".',
    ),
    Argument("threads", None, "int | None", "Threads on the CPU. None takes one for each core."),
    Argument(
        "verbose",
        None,
        "bool | None",
        "Whether to tell how far training is. None tells it on a terminal and in a notebook.",
    ),
)


@cache
def settings_of(spec: str, trainer: str | None = None) -> tuple[Argument, ...]:
    """The settings of a spec, or those of training it by gradient, as parameters."""
    return tuple(argument_of(setting) for setting in _wgvq.settings(spec, trainer))


def argument_of(setting: dict[str, Any]) -> Argument:
    default, choices = setting["default"], setting["choices"]
    kind = f"Literal{choices!r}" if choices else setting["type"]
    help = f"{setting['help']}."
    if not choices and kind != "bool":
        help += f" Values: {setting['values']}."
    if default is None:
        kind += " | None"
        help += f" None: {setting['default_text']}." if setting["default_text"] else ""
    return Argument(setting["name"], default, kind, help, encodes=setting["stage"] == "encode")


def refuse_unknown(spec: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raises TypeError if one of the names that are given is not known to the quantizer of a spec."""
    for name in given:
        if name not in known:
            raise TypeError(f"{spec} has no parameter {name!r}; it has {', '.join(known) or 'none'}")


def signature_of(sizes: tuple[Argument, ...], others: tuple[Argument, ...]) -> Signature:
    """The signature of a constructor: sizes can go by place, everything else by name."""
    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [
        Parameter(size.name, Parameter.POSITIONAL_OR_KEYWORD, default=size.default) for size in sizes
    ]
    parameters += [Parameter(other.name, Parameter.KEYWORD_ONLY, default=other.default) for other in others]
    return Signature(parameters)


class Template:
    """How the sizes of a class make a spec: `PQ{parts}x{bits}`. A piece in brackets is left out if its size is None."""

    def __init__(self, text: str):
        self.text = text
        self.pieces = re.findall(r"\[([^]]*)\]|([^\[]+)", text)

    def spec(self, sizes: dict[str, Any]) -> str:
        """The spec of these sizes."""
        spec = ""
        for optional, always in self.pieces:
            if always:
                spec += always.format(**sizes)
            elif all(sizes[name] is not None for name in re.findall(r"{(\w+)}", optional)):
                spec += optional.format(**sizes)
        return spec

    def sizes(self, spec: str) -> dict[str, Any] | None:
        """The sizes that make this spec, or None if none do."""
        pattern = ""
        known: set[str] = set()
        for optional, always in self.pieces:
            piece = re.escape(optional or always)
            for name in re.findall(r"\\{(\w+)\\}", piece):
                group = f"(?P={name})" if name in known else f"(?P<{name}>{VALUE})"
                piece = piece.replace(rf"\{{{name}\}}", group, 1)
                known.add(name)
            pattern += f"(?:{piece})?" if optional else piece
        found = re.fullmatch(pattern, spec)
        if found is None:
            return None
        return {name: value if value is None else number(value) for name, value in found.groupdict().items()}


#: A size in a spec: the name of a lattice or a number.
VALUE = r"[A-Z](?:[a-z]{2,})?\d*|\d+(?:\.\d+)?(?:e-?\d+)?"


def number(text: str) -> Any:
    """The number that a text is, or the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
