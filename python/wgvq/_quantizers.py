"""The quantizers: one class for each kind that is trained often, and `Quantizer` for all of them."""

from __future__ import annotations

import os
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _wgvq
from ._documentation import documented
from ._estimator import Estimator
from ._parameters import COMMON, Argument, refuse_unknown, settings_of, signature_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self


def count(name: str, default: int | None, help: str) -> Argument:
    return Argument(name, default, "int" if default is not None else "int | None", help)


BITS = count("bits", 8, "Bits of a code: a codebook has 2^bits codewords.")
PARTS = count("parts", 8, "Parts that the dimensions are cut into, with a code each.")


class OneCode(Estimator):
    """A quantizer that gives each vector one code."""

    def predict(self, X: Any) -> NDArray[np.int32]:
        """The number of the codeword of each vector of X (n, d), (n,)."""
        return self.transform(X)[:, 0].astype(np.int32)


class KMeans(
    OneCode, template="VQ{n_clusters}", sizes=(count("n_clusters", 8, "Clusters, and so codewords."),)
):
    """k-means clustering.

    After `fit`, `labels_` (n,) are the clusters of the vectors it was trained on, `cluster_centers_` (n_clusters, d) their
    centres, and `inertia_` is the sum of the squared distances between them. `predict` gives the clusters of other vectors.
    Unlike scikit-learn's, it trains on a sample where there are many vectors (see `sample`), and `transform` gives the
    clusters as codes, and not distances.

    Examples
    --------
    >>> import numpy as np, wgvq
    >>> kmeans = wgvq.KMeans(n_clusters=2).fit([[0.0], [1.0], [10.0], [11.0]])
    >>> bool(kmeans.predict([[2.0]])[0] == kmeans.labels_[0])
    True
    """

    _kind = "clusterer"

    labels_: NDArray[np.int32]
    inertia_: float

    def _found(self, model: _wgvq.Model, rows: NDArray[Any]) -> dict[str, Any]:
        codes, errors = model.encode_with_errors(rows, self.threads)
        return {"labels_": codes[:, 0].astype(np.int32), "inertia_": float(errors.sum())}

    @property
    def cluster_centers_(self) -> NDArray[np.float32]:
        """The centres of the clusters, (n_clusters, d)."""
        return self.codebooks_[0]

    def fit_predict(self, X: Any, y: Any = None) -> NDArray[np.int32]:
        """Trains on X (n, d), and returns the cluster of each vector, (n,)."""
        return self.fit(X, y).labels_


class VectorQuantizer(OneCode, template="VQ{n_codewords}", sizes=(count("n_codewords", 256, "Codewords."),)):
    """One codebook: a vector becomes the number of its nearest codeword.

    Examples
    --------
    >>> import numpy as np, wgvq
    >>> x = np.random.default_rng(0).normal(size=(1000, 16))
    >>> quantizer = wgvq.VectorQuantizer(64).fit(x)
    >>> quantizer.inverse_transform(quantizer.transform(x)).shape
    (1000, 16)
    """


class ScalarQuantizer(Estimator, template="SQ{bits}", sizes=(count("bits", 8, "Bits of each dimension."),)):
    """Every dimension by itself, rounded to one of 2^bits levels."""


class RotatedBitsQuantizer(
    Estimator, template="RBQ{bits}", sizes=(count("bits", 4, "Bits of each dimension, 1 to 8."),)
):
    """A random rotation, the best levels for a normal distribution, and a length of 16 bits for each vector.

    Only the mean of the vectors is learnt.

    Examples
    --------
    >>> import numpy as np, wgvq
    >>> x = np.random.default_rng(0).normal(size=(1000, 64))
    >>> quantizer = wgvq.RotatedBitsQuantizer(bits=4).fit(x)
    >>> back = quantizer.inverse_transform(quantizer.transform(x))
    >>> bool(((x - back) ** 2).mean() < 0.012)
    True
    """


class ProductQuantizer(Estimator, template="PQ{parts}x{bits}", sizes=(PARTS, BITS)):
    """Product quantization: the dimensions are cut into parts, and each part has a codebook.

    Examples
    --------
    >>> import numpy as np, wgvq
    >>> x = np.random.default_rng(0).normal(size=(1000, 16))
    >>> wgvq.ProductQuantizer(parts=4, bits=6).fit_transform(x).shape
    (1000, 4)
    """


class OptimizedProductQuantizer(Estimator, template="OPQ{parts},PQ{parts}x{bits}", sizes=(PARTS, BITS)):
    """Product quantization behind a rotation that is learnt, so that the parts share what there is to tell."""


class ResidualQuantizer(
    Estimator,
    template="RQ{stages}x{bits}",
    sizes=(count("stages", 8, "Stages, each for what those before leave over."), BITS),
):
    """Residual quantization, by beam search: a vector is the sum of one codeword of each stage."""


class ProductResidualQuantizer(
    Estimator,
    template="PRQ{parts}x{stages}x{bits}",
    sizes=(
        count("parts", 2, "Parts that the dimensions are cut into."),
        count("stages", 4, "Stages of each part, and so codes of it."),
        BITS,
    ),
):
    """Product quantization whose parts are residual quantizers."""


class AdditiveQuantizer(
    Estimator,
    template="AQ{codebooks}x{bits}",
    sizes=(count("codebooks", 8, "Codebooks, and so codes of a vector."), BITS),
):
    """Additive quantization: a vector is the sum of one codeword of each codebook, found by beam search over all of them."""


class LocalSearchQuantizer(
    Estimator,
    template="LSQ{codebooks}x{bits}",
    sizes=(count("codebooks", 8, "Codebooks, and so codes of a vector."), BITS),
):
    """Additive quantization with local search after the beam: the least error, and the most time."""


class LatticeQuantizer(
    Estimator,
    template="{lattice}[x{bits}][:{scale}]",
    sizes=(
        Argument("lattice", "E8", "str", '"Z", "A2" to "A4096", "D2" to "D4096", "E8" or "Leech24".'),
        count(
            "bits",
            None,
            "Bits of a block, to keep the points that carry the data alone. None has a code for each dimension.",
        ),
        Argument("scale", None, "float | None", "The distance that 1 becomes. None takes it from the data."),
    ),
):
    """Blocks of the dimensions are rounded to the nearest points of a lattice."""


class SpaceFillingQuantizer(
    OneCode,
    template="SFVQ{bits}[+{position_bits}]",
    sizes=(
        count("bits", 6, "Bits of the corners of the curve: there are 2^bits."),
        count("position_bits", None, "Bits of the place between two corners. None has none."),
        Argument("trainer", "nsvq", "Literal['nsvq', 'diveq']", "How it is trained by gradient."),
    ),
):
    """An ordered codebook: its codewords are the corners of a curve through the data, so that near codes mean near vectors.

    With `position_bits` a vector has two codes, and `predict` gives the first, its segment of the curve.
    """

    @classmethod
    def _settings_of(cls, spec: str) -> tuple[Argument, ...]:
        by_name = {
            setting.name: setting for trainer in ("nsvq", "diveq") for setting in settings_of(spec, trainer)
        }
        return tuple(by_name.values())

    def _named_trainer(self) -> str:
        return self.trainer


class Quantizer(Estimator):
    """Any kind of quantizer, by its spec: the name that the command line has for it, such as "OPQ8,RQ8x8".

    Its parameters are the settings of the spec, which `wgvq.settings(spec)` lists. With a `trainer`, one of
    `wgvq.trainers()`, it is trained by gradient, and its parameters are those of the trainer.

    Examples
    --------
    >>> import numpy as np, wgvq
    >>> x = np.random.default_rng(0).normal(size=(1000, 16))
    >>> wgvq.from_spec("OPQ4,RQ4x4", beam=8, iters=5).fit_transform(x).shape
    (1000, 4)
    """

    _sizes = (
        Argument("spec", Parameter.empty, "str", "What to train."),
        Argument(
            "trainer",
            None,
            "str | None",
            "How to train by gradient. None trains by k-means and the like, and SFVQ by nsvq.",
        ),
    )

    def __init__(self, *values: Any, **named: Any) -> None:
        given = self.__init__.__signature__.bind(self, *values, **named)  # type: ignore[attr-defined]
        given.apply_defaults()
        settings = given.arguments.pop("settings")
        for name, value in list(given.arguments.items())[1:]:
            setattr(self, name, value)
        self._set_settings(settings)

    def _set_settings(self, given: dict[str, Any]) -> None:
        """Sets the settings of the spec to what is given, and where they are new and nothing is, to their defaults."""
        known = {setting.name: setting.default for setting in self._settings()}
        refuse_unknown(self.spec, given, known)
        for name, default in known.items():
            setattr(self, name, given.get(name, getattr(self, name, default)))

    def set_params(self, **parameters: Any) -> Self:
        """Sets parameters by name, and returns the estimator: with another `spec`, also those that this one has."""
        spec, trainer = parameters.pop("spec", self.spec), parameters.pop("trainer", self.trainer)
        settings_for(spec, trainer)
        self.spec, self.trainer = spec, trainer
        self._set_settings({})
        return super().set_params(**parameters)

    def _settings(self) -> tuple[Argument, ...]:
        return settings_for(self.spec, self.trainer)

    def _named_trainer(self) -> str | None:
        return trainer_for(self.spec, self.trainer)

    def _spec(self) -> str:
        return self.spec

    @classmethod
    def _of_spec(cls, spec: str, path: str) -> Self:
        return cls(spec)


Quantizer.__init__.__signature__ = Signature(  # type: ignore[attr-defined]
    [
        *signature_of(Quantizer._sizes, COMMON).parameters.values(),
        Parameter("settings", Parameter.VAR_KEYWORD),
    ]
)
Quantizer.__doc__ = documented(Quantizer.__doc__, (*Quantizer._sizes, *COMMON))


def trainer_for(spec: str, trainer: str | None) -> str | None:
    """The trainer by gradient of a spec, if one trains it: curves have no other."""
    return "nsvq" if trainer is None and spec.startswith("SFVQ") else trainer


def settings_for(spec: Any, trainer: Any) -> tuple[Argument, ...]:
    """The settings of a spec that is trained so."""
    if not isinstance(spec, str) or not isinstance(trainer, (str, type(None))):
        raise TypeError(
            f"spec is {spec!r} and trainer {trainer!r}; must be strings, such as 'RQ8x8' and 'nsvq'"
        )
    return settings_of(spec, trainer_for(spec, trainer))


def from_spec(spec: str, **parameters: Any) -> Quantizer:
    """The quantizer of a spec, with its settings by name: `from_spec("RQ8x8", beam=16)`.

    Raises ValueError for a spec that is not known, TypeError for a setting that it does not have.
    """
    return Quantizer(spec, **parameters)


def load(path: str | os.PathLike[str], *, device: str = "auto", threads: int | None = None) -> Quantizer:
    """The quantizer of a model file, of any kind, whoever trained it.

    Raises FileNotFoundError and the like; ValueError for a file that is no model.
    """
    return Quantizer.load(path, device=device, threads=threads)
