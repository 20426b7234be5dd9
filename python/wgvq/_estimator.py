"""What all quantizers have in common: the conventions of scikit-learn, without it."""

from __future__ import annotations

import operator
import os
import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _inputs, _wgvq
from ._documentation import documented
from ._parameters import COMMON, Argument, Template, settings_of, signature_of
from ._progress import showing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

#: The version of what is pickled; what is newer is refused.
PICKLE = 1


class NotFittedError(ValueError, AttributeError):
    """The estimator was not trained yet."""


class Estimator:
    """A quantizer that is trained by `fit`, encodes by `transform` and decodes by `inverse_transform`."""

    #: How the sizes make a spec.
    _template: ClassVar[Template]
    _sizes: ClassVar[tuple[Argument, ...]]
    #: The settings of its spec.
    _class_settings: ClassVar[tuple[Argument, ...]]
    #: What scikit-learn takes it for, beside a transformer.
    _kind: ClassVar[str | None] = None

    random_state: Any
    device: str
    threads: int | None
    verbose: bool | None

    #: The trained model, or what was pickled of it until it is wanted.
    _model: _wgvq.Model | bytes
    #: Settings of encoding that were changed after training.
    _encoding: dict[str, Any]
    n_features_in_: int
    n_iter_: int
    spec_: str
    codebook_sizes_: list[int]
    bits_per_vector_: float
    feature_names_in_: NDArray[Any]

    def __init_subclass__(
        cls, template: str | None = None, sizes: tuple[Argument, ...] = (), **others: Any
    ) -> None:
        super().__init_subclass__(**others)
        if template is None:
            return
        cls._template = Template(template)
        cls._sizes = sizes
        example = cls._template.spec({size.name: size.default for size in sizes})
        cls._class_settings = cls._settings_of(example)
        arguments = (*cls._class_settings, *COMMON)
        signature = signature_of(sizes, arguments)

        def __init__(self: Estimator, *values: Any, **named: Any) -> None:
            given = signature.bind(self, *values, **named)
            given.apply_defaults()
            for name, value in list(given.arguments.items())[1:]:
                setattr(self, name, value)

        __init__.__signature__ = signature  # type: ignore[attr-defined]
        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = __init__  # type: ignore[assignment, method-assign]
        cls.__doc__ = documented(cls.__doc__, (*sizes, *arguments))

    @classmethod
    def _settings_of(cls, spec: str) -> tuple[Argument, ...]:
        return settings_of(spec)

    def _settings(self) -> tuple[Argument, ...]:
        """The settings of this estimator."""
        return self._class_settings

    def _named_trainer(self) -> str | None:
        """The trainer by gradient that trains it; None for k-means and the like."""
        return None

    def _spec(self) -> str:
        """The spec that the sizes make."""
        sizes = {}
        for size in self._sizes:
            value = getattr(self, size.name)
            if size.type.startswith("int") and value is not None:
                try:
                    value = operator.index(value)
                except TypeError:
                    raise ValueError(f"{size.name} is {value!r}; must be a whole number") from None
            sizes[size.name] = value
        return self._template.spec(sizes)

    # Parameters.

    def _parameter_names(self) -> list[str]:
        return [argument.name for argument in (*self._sizes, *self._settings(), *COMMON)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name. `deep` is there for scikit-learn: no parameter has parameters."""
        return {name: getattr(self, name) for name in sorted(self._parameter_names())}

    def set_params(self, **parameters: Any) -> Self:
        """Sets parameters by name, and returns the estimator.

        Those of training count from the next `fit` on. `device`, and what only encoding depends on, such as `beam`, count at
        once: the codes mean the same whatever it is.
        """
        known = self._parameter_names()
        for name in parameters:
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {sorted(known)!r}."
                )
        for name, value in parameters.items():
            setattr(self, name, value)
        if parameters and "_model" in vars(self):
            self._follow(parameters)
        return self

    def _follow(self, parameters: dict[str, Any]) -> None:
        """Makes the trained model what parameters of encoding say now."""
        if "device" in parameters and isinstance(self._model, _wgvq.Model):
            self._model = self._model.on_device(self.device)
        encodes = {setting.name for setting in self._settings() if setting.encodes}
        if not encodes.isdisjoint(parameters):
            self._encoding = {name: getattr(self, name) for name in encodes}
            self._model = self._ready().with_encoding(self._encoding)

    def _changed(self, arguments: Iterable[Argument]) -> dict[str, Any]:
        """Those of the parameters that are not at their defaults."""
        values = ((argument, getattr(self, argument.name)) for argument in arguments)
        return {
            argument.name: value
            for argument, value in values
            if value is not argument.default and value != argument.default
        }

    def __repr__(self) -> str:
        sizes = {size.name: getattr(self, size.name) for size in self._sizes}
        shown = {**sizes, **self._changed((*self._settings(), *COMMON))}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    # Training.

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains the quantizer on X (n, d), and returns it.

        X is read without a copy if it is an array of float32 that is C-contiguous, and where there are many vectors only the
        sample that training takes of them is read at all. `y` is there for scikit-learn, and nothing reads it. Ctrl-C ends
        the training within a second, and leaves the estimator as it was.

        Raises ValueError for vectors and parameters that do not go together, naming row and column for a value that is not
        finite; `DeviceError`.
        """
        rows = _inputs.vectors(X)
        seed = seed_of(self.random_state)
        try:
            with showing(self.verbose, type(self).__name__) as progress:
                model, iterations = _wgvq.fit(
                    self._spec(),
                    rows,
                    self._changed(self._settings()),
                    trainer=self._named_trainer(),
                    seed=seed,
                    device=self.device,
                    threads=self.threads,
                    progress=progress,
                )
        except ValueError as error:
            # A single vector is mostly a mistake of shape, and scikit-learn wants it said.
            if len(rows) == 1:
                raise ValueError(f"{error} (n_samples=1)") from None
            raise
        found = self._found(model, rows)
        self._encoding = {}
        self._take(model, iterations)
        self._remember_names(X)
        vars(self).update(found)
        return self

    def _take(self, model: _wgvq.Model, iterations: int) -> None:
        self._model = model
        self.n_features_in_ = model.dim
        self.n_iter_ = iterations
        self.spec_ = model.spec
        self.codebook_sizes_ = model.codebook_sizes
        self.bits_per_vector_ = model.bits_per_vector

    def _found(self, model: _wgvq.Model, rows: NDArray[Any]) -> dict[str, Any]:
        """The attributes of a class that say something of the vectors it was trained on."""
        return {}

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[Any]:
        """Trains the quantizer on X (n, d), and returns the codes of X."""
        return self.fit(X, y).transform(X)

    # Vectors on many machines.

    def sample_rows(self, n: int) -> NDArray[np.int64]:
        """The numbers of the vectors that `fit` reads of `n`, in ascending order.

        Where vectors lie on many machines, each passes on those of its own, and `fit` of them, in the order of their numbers,
        makes the same model to the last bit as of all vectors in one place. `random_state` has to be a whole number, so that it
        is the same seed in both.

        Raises ValueError for a quantizer that reads all vectors, or that is trained by gradient.
        """
        name = type(self).__name__
        if self._named_trainer() is not None:
            raise ValueError(f"{name}: training by gradient draws its batches from all vectors; fit it in one place")
        try:
            operator.index(self.random_state)
        except TypeError:
            raise ValueError(
                f"random_state is {self.random_state!r}; sample_rows and fit need the same whole number"
            ) from None
        n = _inputs.count(n, "n", least=0)
        return _wgvq.sample_rows(self._spec(), self._changed(self._settings()), seed_of(self.random_state), n)

    def fits_by_sums(self) -> bool:
        """Whether `fit` reads all vectors and sums of blocks are enough for it: scalars with evenly spaced levels."""
        return self._named_trainer() is None and _wgvq.fits_by_sums(self._spec(), self._changed(self._settings()))

    def fit_sums(self, X: Any, block: int = 0, first: _wgvq.FitSums | None = None) -> _wgvq.FitSums:
        """What a block of vectors X (n, d) says to a fit: the range of each dimension, and in the second pass what levels there lose.

        `block` is a number that no other block has. Sums of blocks are added by `FitSums.add`; those of the first pass over all
        blocks are given as `first` in the second, whose sums `fit_by_sums` takes. No bit of them depends on how vectors were cut into
        blocks or on the order in which they were added.

        Raises ValueError for a quantizer that is not fitted so, for a value that is not finite, naming row and column, and for vectors
        that the first pass did not see.
        """
        number = _inputs.count(block, "block", least=0)
        settings = self._changed(self._settings())
        return _wgvq.fit_sums(self._spec(), settings, _inputs.vectors(X), number, first, self.threads)

    def fit_by_sums(self, sums: _wgvq.FitSums | Iterable[_wgvq.FitSums]) -> Self:
        """Trains the quantizer by the sums of the second pass, and returns it: the same to the last bit as by `fit` of all vectors.

        Raises ValueError for sums for another quantizer, or of not all blocks, and for a block that is in two of them; `DeviceError`.
        """
        total = _summed(sums, _wgvq.FitSums, "fit_sums")
        settings = self._changed(self._settings())
        model = _wgvq.fitted(self._spec(), settings, total, seed_of(self.random_state), self.device)
        self._encoding = {}
        self._take(model, 0)
        return self

    def refit_sums(self, X: Any, block: int = 0) -> _wgvq.RefitSums:
        """What a block of vectors X (n, d) says of the codebooks: how often each codeword occurs, and the sums of its vectors.

        `block` is a number that no other block of the pass has. Sums of blocks are added by `RefitSums.add`, and `refit` takes
        them. No bit of them depends on how vectors were cut into blocks or on the order in which they were added.

        Raises ValueError for a quantizer whose codebooks cannot be refitted, and as `transform`.
        """
        number = _inputs.count(block, "block", least=0)
        return self._ready().refit_sums(self._rows(X), number, self.threads)

    def refit(self, sums: _wgvq.RefitSums | Iterable[_wgvq.RefitSums]) -> Self:
        """Moves the codebooks to where they are best for the codes that the vectors of the sums have, and returns the quantizer.

        One such pass over all vectors is an iteration of k-means, or a joint fit by least squares where codewords add up.

        Raises ValueError for sums of another model, and for a block that is in two of them.
        """
        self._model = self._ready().refitted(_summed(sums, _wgvq.RefitSums, "refit_sums"))
        return self

    # Work.

    def transform(self, X: Any) -> NDArray[Any]:
        """The codes (n, m) of X (n, d): of the smallest unsigned type that holds them.

        Raises ValueError, naming row and column, for values that are not finite, and for vectors of other dimensions.
        """
        model = self._ready()
        return model.encode(self._rows(X), self.threads)

    def inverse_transform(self, codes: Any) -> NDArray[Any]:
        """The vectors (n, d), float32, that `codes` (n, m) stand for.

        Raises ValueError, naming row and column, for a code that names no codeword.
        """
        model = self._ready()
        return model.decode(_inputs.codes(codes, len(self.codebook_sizes_)), self.threads)

    def score(self, X: Any, y: Any = None) -> float:
        """How well codes stand for X (n, d): minus the mean squared error, summed over dimensions, so that more is better."""
        errors = self._ready().encode_with_errors(self._rows(X), self.threads)[1]
        return -float(errors.mean())

    @property
    def codebooks_(self) -> list[NDArray[Any]]:
        """The codebooks whose codewords add up, each (k, d) of the dimensions it is of; none for scalars and lattices."""
        return self._ready().codebooks

    @property
    def rotation_(self) -> NDArray[Any] | None:
        """What vectors are turned by before they are encoded, (d, d), or None."""
        return self._ready().rotation

    def _rows(self, X: Any) -> NDArray[Any]:
        """X as the extension takes it, if it is of the dimensions and columns of the training."""
        d = self.n_features_in_
        # What needs nothing done to it takes no time: a single vector is encoded in microseconds.
        if (
            type(X) is np.ndarray
            and X.dtype is _inputs.FLOAT32
            and X.ndim == 2
            and X.shape[1] == d
            and X.shape[0] > 0
            and X.flags.c_contiguous
            and X.flags.aligned
            and "feature_names_in_" not in self.__dict__
        ):
            return X
        self._check_names(X)
        rows = _inputs.vectors(X)
        if rows.shape[1] != d:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {d} features as input"
            )
        return rows

    def _ready(self) -> _wgvq.Model:
        """The trained model."""
        model = self.__dict__.get("_model")
        if type(model) is _wgvq.Model:
            return model
        if model is None:
            raise not_fitted(self)
        # It was pickled, and is wanted for the first time.
        ready = _wgvq.Model.from_bytes(model, self.device)
        self._model = ready.with_encoding(self._encoding) if self._encoding else ready
        return self._model

    # Names of columns.

    def _remember_names(self, X: Any) -> None:
        names = names_of(X, self.n_features_in_)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif "feature_names_in_" in self.__dict__:
            del self.feature_names_in_

    def _check_names(self, X: Any) -> None:
        """Warns if only one of X and the training had names, and fails if the names are others."""
        known = self.__dict__.get("feature_names_in_")
        names = names_of(X, self.n_features_in_)
        name = type(self).__name__
        if names is None and known is None:
            return
        if known is None:
            warnings.warn(f"X has feature names, but {name} was fitted without feature names", stacklevel=4)
        elif names is None:
            warnings.warn(
                f"X does not have valid feature names, but {name} was fitted with feature names", stacklevel=4
            )
        elif names != list(known):
            raise ValueError(other_names(list(known), names))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """A name for each code of a vector."""
        self._ready()
        if input_features is not None and len(input_features) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length equal to number of features ({self.n_features_in_}), "
                f"got {len(input_features)}"
            )
        name = type(self).__name__.lower()
        return np.asarray([f"{name}{code}" for code in range(len(self.codebook_sizes_))], dtype=object)

    # Files.

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a model file (`.safetensors`), which the command line and the Rust library read as well.

        Raises FileExistsError unless `overwrite`; OSError. The file appears whole or not at all.
        """
        self._ready().save(os.fspath(path), overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto", threads: int | None = None) -> Self:
        """The estimator of a model file, whoever trained it.

        Raises FileNotFoundError and the like; ValueError if it holds no model, or one of another class, which `wgvq.load`
        reads.
        """
        model = _wgvq.Model.load(os.fspath(path), device)
        training = model.training
        trainer = training.get("trainer")
        trainers = [known["name"] for known in _wgvq.trainers()]
        estimator = cls._of_spec(model.spec, os.fspath(path))
        if trainer in trainers and "trainer" in estimator._parameter_names():
            estimator.set_params(trainer=trainer)
        estimator.random_state = training.get("seed", estimator.random_state)
        estimator.device, estimator.threads = device, threads
        known = [setting.name for setting in estimator._settings()]
        recorded = training.get("settings")
        given = recorded if isinstance(recorded, dict) else {}
        for name, value in {**given, **model.settings}.items():
            if name in known:
                setattr(estimator, name, value)
        estimator._encoding = {}
        estimator._take(model, training.get("iterations", training.get("steps", 0)))
        return estimator

    @classmethod
    def _of_spec(cls, spec: str, path: str) -> Self:
        sizes = cls._template.sizes(spec)
        if sizes is None:
            raise ValueError(
                f"{path}: holds a {spec}, which is no {cls.__name__}; wgvq.load reads every model"
            )
        return cls(**sizes)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "_model"}
        model = self.__dict__.get("_model")
        if model is not None:
            state["_model"] = model.to_bytes() if isinstance(model, _wgvq.Model) else model
        return {"pickle": PICKLE, "wgvq": _wgvq.__version__, "state": state}

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        if pickled.get("pickle", 0) > PICKLE:
            raise ValueError(
                f"this {type(self).__name__} was pickled by wgvq {pickled.get('wgvq')}, and {_wgvq.__version__} cannot "
                "read it: install that version (pip install --upgrade wgvq), or pass it on as a model file (save, load)"
            )
        self.__dict__.update(pickled["state"])

    # scikit-learn.

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags  # type: ignore[import-untyped, unused-ignore]

        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=False),
            # Codes are of another type than vectors.
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(),
        )


def seed_of(random_state: Any) -> int:
    """The seed that a random state is or gives."""
    if random_state is None:
        return int(np.random.randint(1 << 31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(1 << 31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(1 << 63))
    try:
        seed = operator.index(random_state)
    except TypeError:
        seed = -1
    if not 0 <= seed < 1 << 64:
        raise ValueError(
            f"random_state is {random_state!r}; must be a whole number of 0 or more, a RandomState, a Generator or None"
        )
    return seed


def names_of(X: Any, dim: int) -> list[str] | None:
    """The names of the columns, a dimension each, if all are strings."""
    names = _inputs.names_of_columns(X)
    # One column holds whole vectors, unless they have one dimension.
    if not names or len(names) == 1 != dim:
        return None
    strings = [isinstance(name, str) for name in names]
    if any(strings) and not all(strings):
        raise TypeError(
            "Feature names are only supported if all input features have string names, and these are of several types. "
            "Give the columns names by X.columns = X.columns.astype(str), or the values alone by X.to_numpy()."
        )
    return names if all(strings) else None


def other_names(known: list[str], names: list[str]) -> str:
    """What is wrong with the names of columns, in the words of scikit-learn."""
    message = "The feature names should match those that were passed during fit.\n"
    unseen = sorted(set(names) - set(known))
    missing = sorted(set(known) - set(names))
    for title, which in [("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)]:
        if which:
            message += f"Feature names {title}:\n" + "".join(f"- {name}\n" for name in which[:5])
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message


def not_fitted(estimator: Estimator) -> Exception:
    """The exception for an estimator that was not trained: that of scikit-learn where that is in use."""
    name = type(estimator).__name__
    words = f"This {name} instance is not fitted yet. Call 'fit' with vectors first, or read a model file by wgvq.load."
    exceptions = sys.modules.get("sklearn.exceptions")
    return (exceptions.NotFittedError if exceptions else NotFittedError)(words)


def _summed(sums: Any, kind: Any, by: str) -> Any:
    """Sums of this kind, or many of them added up; `by` is the method that makes them."""
    if isinstance(sums, kind):
        return sums
    total = None
    for part in sums:
        if total is None:
            total = kind.from_bytes(part.to_bytes())
        else:
            total.add(part)
    if total is None:
        raise ValueError(f"there are no sums; make them by {by}")
    return total
