"""What users give as vectors and codes, as the arrays that the extension takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _wgvq

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT32 = np.dtype(np.float32)

#: DLPack's number for memory of the host.
DLPACK_CPU = 1


def vectors(X: Any) -> NDArray[Any]:
    """X as float32, C-contiguous (n, d): itself if it is so already, and a copy otherwise.

    It may be an array of numpy, also of other types, with gaps, read-only or mapped from a file; lists of lists; a table of
    pandas or polars; anything with DLPack, such as tensors on the CPU; or a column of Arrow whose values are lists.
    """
    array = as_array(X)
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError("Complex data not supported: X is complex, and vectors are of real numbers")
    if kind == "O":
        array = array.astype(np.float64)
    elif kind not in "fiub":
        raise ValueError(f"X is of type {array.dtype}; vectors are of numbers, such as float32")
    if array.ndim == 0:
        raise ValueError(f"X is of type {type(X).__name__}; vectors are the rows of an array (n, d)")
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: X has shape {array.shape}, and vectors are the rows of "
            "an array (n, d). Reshape your data by X.reshape(1, -1) if it is one vector, or by X.reshape(-1, 1) if each "
            "vector is one number."
        )
    for axis, name in enumerate(["sample", "feature"]):
        if array.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {name}(s) (shape={array.shape}) while a minimum of 1 is required."
            )
    # What is too large for float32 becomes infinite, which is then refused by row and column.
    with np.errstate(over="ignore"):
        return np.require(array, FLOAT32, ["C_CONTIGUOUS", "ALIGNED"])


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


def as_array(X: Any) -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return np.asarray(X)
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise TypeError("Sparse data was passed, and vectors are dense: X.toarray() makes them so")
    columns = names_of_columns(X)
    if columns is not None:
        array = np.asarray(X)
        # One column of vectors is no array of numbers.
        return _wgvq.vectors_of_arrow(X) if array.dtype == object and has_arrow(X) else array
    # Arrays of Arrow have DLPack too, for numbers alone.
    if has_arrow(X):
        return _wgvq.vectors_of_arrow(X)
    if hasattr(X, "__dlpack__") and hasattr(X, "__dlpack_device__"):
        return of_dlpack(X)
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(ragged(X) or str(error)) from None


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


def of_dlpack(X: Any) -> NDArray[Any]:
    kind, _ = X.__dlpack_device__()
    if kind != DLPACK_CPU:
        raise ValueError("X lies on another device than the CPU; copy it first, such as by X.cpu()")
    try:
        return np.from_dlpack(X)
    except (BufferError, RuntimeError) as error:
        raise ValueError(f"X cannot be read through DLPack: {error}; give it as float32") from error


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
