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

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from . import _tables, _wgvq
from ._estimator import Estimator

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from numpy.typing import NDArray

#: How often a block is tried again after its worker died.
RETRIES = 5

#: Blocks that are under way for each CPU of the cluster: what is done waits for no one.
AHEAD = 2


class Block:
    """Vectors that one worker takes at a time: a row group of a Parquet file, or a block of a Ray dataset.

    `place` is the file's path and `group` the row group's number; or they are a table in the object store and None.
    """

    def __init__(self, name: str, rows: int, place: Any, group: int | None) -> None:
        self.name = name
        self.rows = rows
        self.place = place
        self.group = group


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
    here; scalars with evenly spaced levels, which are fitted to all vectors, by two passes over them (`Estimator.fit_sums`). It is the
    same to the last bit as by `fit` of all vectors in one place. Then there are `passes` over all vectors, which
    move the codebooks to what is best for them (`Estimator.refit`). Each worker has `num_cpus` and `num_gpus`.

    Raises ValueError for a column that there is not, for blocks of other dimensions or with vectors that are none, named by file and row,
    and as `Estimator.sample_rows`, `fit`, `fit_sums` and `refit_sums`; MemoryError if workers run out of memory.
    """
    blocks = blocks_of(data, column)
    remote = {"num_cpus": num_cpus, "max_retries": RETRIES}
    threads = max(1, int(num_cpus))
    if quantizer.fits_by_sums():
        _fit_by_sums(quantizer, blocks, column, ray.remote(_fit_sums).options(**remote), threads)
    else:
        quantizer.fit(_sample(quantizer, blocks, column, ray.remote(_rows).options(**remote)))
    for _ in range(passes):
        model = ray.put(quantizer)
        task = ray.remote(_refit_sums).options(num_gpus=num_gpus, **remote)
        sums = _each(task, [(*_read(block), column, model, number, threads) for number, block in enumerate(blocks)])
        quantizer.refit(_wgvq.RefitSums.from_bytes(part) for _, part in sums)
    return quantizer


def _sample(quantizer: Estimator, blocks: list[Block], column: str, draw: Any) -> NDArray[Any]:
    """The vectors that a fit reads, in order."""
    starts = np.cumsum([0, *(block.rows for block in blocks)])
    rows = quantizer.sample_rows(int(starts[-1]))
    cuts = np.searchsorted(rows, starts)
    wanted = [rows[cuts[at] : cuts[at + 1]] - starts[at] for at in range(len(blocks))]
    some = [at for at, numbers in enumerate(wanted) if len(numbers) > 0]
    parts = dict(_each(draw, [(*_read(blocks[at]), column, wanted[at]) for at in some]))
    in_order = [parts[number] for number in range(len(some))]
    for at, part in zip(some, in_order):
        _check_dimensions(blocks[at], part.shape[1], blocks[some[0]], in_order[0].shape[1])
    return np.concatenate(in_order) if in_order else np.empty((0, 1), np.float32)


def _fit_by_sums(quantizer: Estimator, blocks: list[Block], column: str, task: Any, threads: int) -> None:
    """Trains by two passes over all vectors."""
    if not blocks:
        quantizer.fit(np.empty((0, 1), np.float32))
    model = ray.put(quantizer)
    total: _wgvq.FitSums | None = None
    for _ in range(2):
        first, total = total, None
        seen: tuple[Block, int] | None = None
        arguments = [(*_read(block), column, model, number, first, threads) for number, block in enumerate(blocks)]
        for number, (part, dimensions) in _each(task, arguments):
            seen = seen or (blocks[number], dimensions)
            _check_dimensions(blocks[number], dimensions, *seen)
            sums = _wgvq.FitSums.from_bytes(part)
            if total is None:
                total = sums
            else:
                total.add(sums)
    assert total is not None
    quantizer.fit_by_sums(total)


def _check_dimensions(block: Block, dimensions: int, other: Block, others: int) -> None:
    if dimensions != others:
        raise ValueError(
            f"{block.name}: its vectors have {dimensions} dimensions, those of {other.name} have {others}; all must have as many"
        )


class Encode(_tables.Encode):
    """Turns the vectors in `column` of batches into codes, for `ray.data.Dataset.map_batches` with `batch_format="pyarrow"`.

    The codes of a vector are in the column `codes`: a list of whole numbers of a fixed length, in place of the vectors unless
    `keep`. All other columns, such as ids, and the order of the rows stay as they are. Each worker has `threads`, which should be as
    many as the `num_cpus` that `map_batches` is given; 1 if neither this nor the quantizer says how many.
    """

    def __call__(self, batch: pa.Table) -> pa.Table:
        return self.encoded(batch)


def blocks_of(data: Any, column: str) -> list[Block]:
    """The blocks of files or of a dataset, in order."""
    if isinstance(data, ray.data.Dataset):
        _tables.check_column(data.schema().names, column, "the dataset")
        references = data.to_arrow_refs()
        count = ray.remote(_count).options(num_cpus=0)
        rows = [count.remote(reference) for reference in references]
        return [
            Block(f"block {number} of the dataset", rows, reference, None)
            for number, (rows, reference) in enumerate(zip(ray.get(rows), references))
            if rows > 0
        ]
    import pyarrow.parquet as parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

    blocks = []
    for path in files_of(data):
        file = parquet.ParquetFile(path)
        _tables.check_column(file.schema_arrow.names, column, path)
        groups = (file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups))
        blocks += [
            Block(f"{path}, row group {group}", rows, path, group) for group, rows in enumerate(groups) if rows > 0
        ]
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


def _each(task: Any, arguments: list[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
    """The results of a task for all arguments, with their numbers, as they come: only so many are under way at a time."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call, unused-ignore]
    most = max(1, int(AHEAD * resources.get("CPU", 1)))
    waiting = list(enumerate(arguments))[::-1]
    under_way: dict[Any, int] = {}
    while waiting or under_way:
        while waiting and len(under_way) < most:
            number, given = waiting.pop()
            under_way[task.remote(*given)] = number
        for done in ray.wait(list(under_way), num_returns=1)[0]:
            number = under_way.pop(done)
            try:
                yield number, ray.get(done)
            except ray.exceptions.OutOfMemoryError as error:
                raise MemoryError(
                    f"{arguments[number][0]}: a worker ran out of memory: make blocks smaller (row_group_size= of Parquet, "
                    "repartition of a dataset), or let fewer work at once (num_cpus=)"
                ) from error


def _count(table: pa.Table) -> int:
    return len(table)


def _read(block: Block) -> tuple[str, Any, int | None]:
    """What a task takes to read a block."""
    return block.name, block.place, block.group


def _vectors(place: Any, group: int | None, column: str, numbers: NDArray[np.int64] | None = None) -> NDArray[Any]:
    """The vectors of a block, or some of them."""
    if group is None:
        table = place.select([column])
    else:
        import pyarrow.parquet as parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

        table = parquet.ParquetFile(place).read_row_group(group, columns=[column])
    return _tables.vectors_of(table if numbers is None else table.take(numbers), column)


def _rows(name: str, place: Any, group: int | None, column: str, numbers: NDArray[np.int64]) -> NDArray[Any]:
    with _named(name):
        found = _vectors(place, group, column, numbers)
        wrong = np.argwhere(~np.isfinite(found))
        if len(wrong):
            row, at = wrong[0]
            raise ValueError(f"row {numbers[row]}, column {at} is {found[row, at]}; vectors are of finite numbers")
        return found


def _fit_sums(
    name: str,
    place: Any,
    group: int | None,
    column: str,
    quantizer: Estimator,
    block: int,
    first: _wgvq.FitSums | None,
    threads: int,
) -> tuple[bytes, int]:
    quantizer.threads = threads
    with _named(name):
        x = _vectors(place, group, column)
        return quantizer.fit_sums(x, block, first).to_bytes(), x.shape[1]


def _refit_sums(
    name: str, place: Any, group: int | None, column: str, quantizer: Estimator, block: int, threads: int
) -> bytes:
    # By themselves all workers of a machine would take all its cores.
    quantizer.threads = threads
    with _named(name):
        return quantizer.refit_sums(_vectors(place, group, column), block).to_bytes()


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Puts the block's name in front of what is wrong with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
