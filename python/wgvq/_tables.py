"""Tables of Arrow with a column of vectors, as clusters pass them around."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _inputs

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from numpy.typing import NDArray

    from ._estimator import Estimator


def check_column(names: Sequence[str], column: str, place: str) -> None:
    """Raises ValueError if `column` is none of the `names` that there are in a place."""
    if column not in names:
        raise ValueError(f"{place}: has no column {column!r}; there are {', '.join(names)}")


def vectors_of(table: pa.Table, column: str) -> NDArray[Any]:
    """The vectors of a column, float32 (n, d)."""
    return _inputs.vectors(table.column(column).combine_chunks())


def no_codes(quantizer: Estimator) -> NDArray[Any]:
    """The codes (0, m) of no vectors."""
    return quantizer.transform(np.zeros((1, quantizer.n_features_in_), np.float32))[:0]


class Encode:
    """Turns the vectors in a column of tables into codes."""

    def __init__(
        self,
        quantizer: Estimator,
        *,
        column: str,
        codes: str = "codes",
        keep: bool = False,
        threads: int | None = None,
    ) -> None:
        # A copy, as it is told something that is not for the caller's: by themselves all workers of a machine would take all its
        # cores.
        self.quantizer = copy.copy(quantizer)
        self.quantizer.threads = threads if threads is not None else quantizer.threads or 1
        self.column = column
        self.codes = codes
        self.keep = keep

    def encoded(self, table: pa.Table, number: pa.DataType | None = None) -> pa.Table:
        """The table with the codes of the vectors in a column of lists, in place of the vectors unless they are kept.

        The lists are of a fixed length and hold what `transform` gives; or of any length, of numbers of the type `number`.
        """
        import pyarrow as pa

        check_column(table.column_names, self.column, "the table")
        if table.num_rows > 0:
            found = self.quantizer.transform(vectors_of(table, self.column))
        else:
            found = no_codes(self.quantizer)
        rows, length = found.shape
        if number is None:
            lists = pa.FixedSizeListArray.from_arrays(pa.array(found.ravel()), length)
        else:
            starts = np.arange(rows + 1, dtype=np.int32) * length
            lists = pa.ListArray.from_arrays(pa.array(starts), pa.array(found.ravel()).cast(number))
        rest = table if self.keep else table.drop_columns([self.column])
        return rest.append_column(self.codes, lists)
