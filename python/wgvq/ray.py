"""Training and encoding on a cluster of Ray (https://docs.ray.io): `pip install "ray[data]"`.

`fit` trains a quantizer on vectors that lie on many machines, and `Encode` turns them into codes::

    import ray, wgvq, wgvq.ray
    quantizer = wgvq.from_spec("PQ16x8", random_state=0)
    wgvq.ray.fit(quantizer, "embeddings/", column="vector")
    data = ray.data.read_parquet("embeddings/")
    data.map_batches(wgvq.ray.Encode(quantizer, column="vector"), batch_format="pyarrow").write_parquet("codes/")

The model is the same to the last bit on any number of machines. A worker that dies costs the blocks that it had, which
others take over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from . import _inputs, _wgvq
from ._estimator import Estimator

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from numpy.typing import NDArray

#: How often a block is tried again after its worker died.
RETRIES = 5

#: Blocks that are under way for each CPU of the cluster: what is done waits for no one.
AHEAD = 2


class Block:
    """Vectors that one worker takes at a time: a row group of a Parquet file, or a block of a Ray dataset."""

    def __init__(self, rows: int, place: tuple[str, int] | Any) -> None:
        self.rows = rows
        self.place = place


def fit(
    quantizer: Estimator,
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Any,
    *,
    column: str,
    passes: int = 0,
    num_cpus: float = 1,
    num_gpus: float = 0,
) -> Estimator:
    """Trains `quantizer` on the vectors in `column` of `data`, and returns it.

    `data` are Parquet files, or folders of them, that all workers can read, or a Ray dataset, which is brought into the object
    store. Workers pass on the vectors that are in the sample (`Estimator.sample_rows`), and the quantizer is trained on them
    here: it is the same to the last bit as by `fit` of all vectors in one place. Then there are `passes` over all vectors, which
    move the codebooks to what is best for them (`Estimator.refit`). Each worker has `num_cpus` and `num_gpus`.

    Raises ValueError for a column that there is not, and as `Estimator.sample_rows`, `fit` and `refit_sums`.
    """
    blocks = blocks_of(data, column)
    starts = np.cumsum([0, *(block.rows for block in blocks)])
    rows = quantizer.sample_rows(int(starts[-1]))
    cuts = np.searchsorted(rows, starts)
    wanted = [rows[cuts[at] : cuts[at + 1]] - starts[at] for at in range(len(blocks))]
    some = [at for at, numbers in enumerate(wanted) if len(numbers) > 0]
    remote = {"num_cpus": num_cpus, "max_retries": RETRIES}
    parts = _each(ray.remote(_rows).options(**remote), [(*_read(blocks[at]), column, wanted[at]) for at in some])
    in_order = [part for _, part in sorted(parts, key=lambda numbered: numbered[0])]
    quantizer.fit(np.concatenate(in_order) if in_order else np.empty((0, 1), np.float32))
    for _ in range(passes):
        model = ray.put(quantizer)
        task = ray.remote(_sums).options(num_gpus=num_gpus, **remote)
        threads = max(1, int(num_cpus))
        sums = _each(task, [(*_read(block), column, model, number, threads) for number, block in enumerate(blocks)])
        quantizer.refit(_wgvq.RefitSums.from_bytes(part) for _, part in sums)
    return quantizer


class Encode:
    """Turns the vectors in `column` of batches into codes, for `ray.data.Dataset.map_batches` with `batch_format="pyarrow"`.

    The codes of a vector are in the column `codes`: a list of whole numbers of a fixed length, in place of the vectors unless
    `keep`. All other columns, such as ids, and the order of the rows stay as they are.
    """

    def __init__(self, quantizer: Estimator, *, column: str, codes: str = "codes", keep: bool = False) -> None:
        self.quantizer = quantizer
        self.column = column
        self.codes = codes
        self.keep = keep

    def __call__(self, batch: pa.Table) -> pa.Table:
        import pyarrow as pa

        if batch.num_rows > 0:
            codes = self.quantizer.transform(_vectors(batch, self.column))
        else:
            codes = self.quantizer.transform(np.zeros((1, self.quantizer.n_features_in_)))[:0]
        column = pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), codes.shape[1])
        rest = batch if self.keep else batch.drop_columns([self.column])
        return rest.append_column(self.codes, column)


def blocks_of(data: Any, column: str) -> list[Block]:
    """The blocks of files or of a dataset, in order."""
    if isinstance(data, ray.data.Dataset):
        _check_column(data.schema().names, column, "the dataset")
        references = data.to_arrow_refs()
        count = ray.remote(len)
        rows = ray.get([count.remote(reference) for reference in references])
        return [Block(rows, reference) for rows, reference in zip(rows, references) if rows > 0]
    import pyarrow.parquet as parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

    blocks = []
    for path in files_of(data):
        file = parquet.ParquetFile(path)
        _check_column(file.schema_arrow.names, column, path)
        groups = (file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups))
        blocks += [Block(rows, (path, group)) for group, rows in enumerate(groups) if rows > 0]
    return blocks


def files_of(data: Any) -> list[str]:
    """The Parquet files of paths and folders, each folder's in the order of their names."""
    paths = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    files = []
    for path in (os.fspath(path) for path in paths):
        if not os.path.isdir(path):
            files.append(path)
            continue
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.endswith(".parquet")
        )
        if not found:
            raise ValueError(f"{path}: holds no .parquet file")
        files += found
    return files


def _check_column(names: Sequence[str], column: str, place: str) -> None:
    if column not in names:
        raise ValueError(f"{place}: has no column {column!r}; there are {', '.join(names)}")


def _each(task: Any, arguments: list[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
    """The results of a task for all arguments, with their numbers, as they come: only so many are under way at a time."""
    most = max(1, int(AHEAD * ray.cluster_resources().get("CPU", 1)))
    waiting = list(enumerate(arguments))[::-1]
    under_way: dict[Any, int] = {}
    while waiting or under_way:
        while waiting and len(under_way) < most:
            number, given = waiting.pop()
            under_way[task.remote(*given)] = number
        for done in ray.wait(list(under_way), num_returns=1)[0]:
            yield under_way.pop(done), ray.get(done)


def _read(block: Block) -> tuple[Any, int | None]:
    """What a task takes to read a block: a path and a row group, or a table and None."""
    return block.place if isinstance(block.place, tuple) else (block.place, None)


def _table(place: Any, group: int | None, column: str) -> pa.Table:
    if group is None:
        return place
    import pyarrow.parquet as parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return parquet.ParquetFile(place).read_row_group(group, columns=[column])


def _vectors(table: pa.Table, column: str) -> NDArray[Any]:
    """The vectors of a column, float32 (n, d)."""
    return _inputs.vectors(table.column(column).combine_chunks())


def _rows(place: Any, group: int | None, column: str, numbers: NDArray[np.int64]) -> NDArray[Any]:
    return _vectors(_table(place, group, column).select([column]).take(numbers), column)


def _sums(place: Any, group: int | None, column: str, quantizer: Estimator, block: int, threads: int) -> bytes:
    # By themselves all workers of a machine would take all its cores.
    quantizer.threads = threads
    return quantizer.refit_sums(_vectors(_table(place, group, column), column), block).to_bytes()
