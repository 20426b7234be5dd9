"""What users give as vectors and codes, as the arrays that the extension takes."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _wgvq

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT32 = np.dtype(np.float32)

#: DLPack's number for memory of the host.
DLPACK_CPU = 1


def vectors(X: Any, name: str = "X") -> NDArray[Any]:
    """X as float32, C-contiguous (n, d): itself if it is so already, and a copy otherwise. Messages call it by its name.

    It may be an array of numpy, also of other types, with gaps, read-only or mapped from a file; lists of lists; a table of
    pandas or polars; anything with DLPack, such as tensors on the CPU; or a column of Arrow whose values are lists.
    """
    array = as_array(X, name)
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is complex, and vectors are of real numbers")
    if kind == "O":
        try:
            array = array.astype(np.float64)
        except OverflowError as error:
            raise ValueError(f"{name} has a number that no vector can hold: {error}") from None
    elif kind not in "fiub":
        raise ValueError(f"{name} is of type {array.dtype}; vectors are of numbers, such as float32")
    if array.ndim == 0:
        raise ValueError(f"{name} is of type {type(X).__name__}; vectors are the rows of an array (n, d)")
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: {name} has shape {array.shape}, and vectors are the rows of "
            f"an array (n, d). Reshape your data by {name}.reshape(1, -1) if it is one vector, or by {name}.reshape(-1, 1) if each "
            "vector is one number."
        )
    for axis, of_what in enumerate(["sample", "feature"]):
        if array.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {of_what}(s) (shape={array.shape}) while a minimum of 1 is required."
            )
    # What is too large for float32 becomes infinite, which is then refused by row and column.
    with np.errstate(over="ignore"):
        return np.require(array, FLOAT32, ["C_CONTIGUOUS", "ALIGNED"])


def vectors_or_files(data: Any) -> NDArray[Any] | list[str]:
    """Vectors as `vectors` makes them, or the names of files."""
    paths = data if isinstance(data, (list, tuple)) else [data]
    if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
        return [os.fspath(path) for path in paths]
    return vectors(data, "data")


def queries(queries: Any) -> tuple[NDArray[Any], bool]:
    """Queries as `vectors` makes them, (q, d), and whether they are one vector (d,)."""
    array = queries if type(queries) is np.ndarray else as_array(queries, "queries")
    if array.ndim == 1:
        return vectors(array[np.newaxis], "queries"), True
    return vectors(array if array.ndim else queries, "queries"), False


def ids(given: Any, name: str) -> NDArray[np.uint64]:
    """Ids as uint64 (n,): of an array, a column or a list of whole numbers."""
    if isinstance(given, np.ndarray):
        array = unmasked(given, name)
    elif hasattr(given, "__array__"):
        array = np.asarray(given)
    elif hasattr(given, "__dlpack_device__"):
        array = of_dlpack(given, name)
    else:
        # As numpy makes an array of them, some would become floats if one is above 2^63.
        array = np.array(list(given) if isinstance(given, Iterable) else given, dtype=object)
    if array.ndim != 1:
        raise ValueError(f"{name} are of shape {array.shape}; one whole number for each vector is needed, (n,)")
    kind = array.dtype.kind
    if kind == "O":
        return np.fromiter((id_of(value, row, name) for row, value in enumerate(array)), np.uint64, len(array))
    if kind not in "ui":
        hint = f"; {name}.astype(np.uint64) makes them so" if kind == "f" else ""
        hint = f"; np.flatnonzero({name}) are the rows of a mask" if kind == "b" else hint
        raise ValueError(f"{name} are of type {array.dtype}; whole numbers are needed{hint}")
    if kind == "i" and (array < 0).any():
        row = int(np.argmax(array < 0))
        id_of(array[row], row, name)
    return np.require(array, np.uint64, ["ALIGNED"])


def columns(given: Any, name: str) -> dict[str, list[Any]]:
    """Columns as lists of values by their names: of a table of Arrow, pandas or polars, or of a dictionary of columns."""
    if given is None:
        return {}
    names = list(given) if isinstance(given, Mapping) else names_of_columns(given)
    if names is None:
        raise TypeError(f"{name} is of type {type(given).__name__}; a table or a dictionary of columns is needed")
    return {str(column): values_of(given[column]) for column in names}


def values_of(column: Any) -> list[Any]:
    """The values of a column, None for those that are missing."""
    # Arrow, polars and pandas, numpy.
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    # What pandas has for None.
    return [None if type(value).__name__ in ("NAType", "NaTType") else value for value in column]


def id_of(value: Any, row: int, name: str) -> int:
    """A whole number that can be an id."""
    try:
        number = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name}: row {row} is {value!r}; an id is a whole number from 0 to 2^64 - 1")
    return number


def count(value: Any, name: str, least: int = 1) -> int:
    """A whole number of so much or more."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not least <= number < 1 << 63:
        raise ValueError(f"{name} is {value!r}; must be a whole number of {least} or more")
    return number


def codes(codes: Any, codebooks: int) -> NDArray[Any]:
    """Codes as uint32 (n, m); of one codebook they may be (n,)."""
    array = as_array(codes)
    if array.dtype.kind not in "ui":
        raise ValueError(
            f"the codes are of type {array.dtype}; whole numbers are needed, as transform gives them"
        )
    if array.ndim == 1 and codebooks == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(
            f"the codes have shape {array.shape}; (n, {codebooks}) is needed, as transform gives them"
        )
    if array.size and array.dtype != np.uint32 and not np.can_cast(array.dtype, np.uint32):
        wrong = np.argwhere((array < 0) | (array > np.iinfo(np.uint32).max))
        if len(wrong):
            row, column = wrong[0]
            raise ValueError(
                f"the code at row {row}, column {column} is {array[row, column]}, which no codeword has"
            )
    return np.require(array, np.uint32, ["C_CONTIGUOUS", "ALIGNED"])


def as_array(X: Any, name: str = "X") -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return unmasked(X, name)
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise TypeError(f"Sparse data was passed, and vectors are dense: {name}.toarray() makes them so")
    columns = names_of_columns(X)
    if columns is not None:
        array = np.asarray(X)
        # One column of vectors is no array of numbers.
        return _wgvq.vectors_of_arrow(X) if array.dtype == object and has_arrow(X) else array
    # Arrays of Arrow have DLPack too, for numbers alone.
    if has_arrow(X):
        return _wgvq.vectors_of_arrow(X)
    if hasattr(X, "__dlpack__") and hasattr(X, "__dlpack_device__"):
        return of_dlpack(X, name)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(ragged(X) or str(error)) from None


def unmasked(array: NDArray[Any], name: str) -> NDArray[Any]:
    """An array of which nothing is masked, as a plain one."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        row = int(np.argwhere(np.ma.getmaskarray(array))[0][0])
        raise ValueError(f"row {row} of {name} has a masked value, which is none; {name}.filled(0) puts one there")
    return np.asarray(array)


def names_of_columns(X: Any) -> list[Any] | None:
    """The names of the columns of a table of Arrow, pandas or polars; None of anything else."""
    if type(X) is np.ndarray:
        return None
    # Arrow has the columns themselves under the other name.
    for attribute in ("column_names", "columns"):
        names = getattr(X, attribute, None)
        if names is not None and not callable(names):
            return list(names)
    return None


def has_arrow(X: Any) -> bool:
    return hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")


def of_dlpack(X: Any, name: str) -> NDArray[Any]:
    kind, _ = X.__dlpack_device__()
    if kind != DLPACK_CPU:
        raise ValueError(f"{name} lies on another device than the CPU; copy it first, such as by {name}.cpu()")
    try:
        return np.from_dlpack(X)
    except (BufferError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be read through DLPack: {error}; give it as float32") from error


def ragged(X: Any) -> str | None:
    """Which row of lists has another length than the first, in words."""
    try:
        lengths = [len(row) for row in X]
    except TypeError:
        return None
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            return (
                f"row {row} has {length} values and row 0 has {lengths[0]}; every vector has to have as many"
            )
    return None
