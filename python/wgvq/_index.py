"""An index on disk: vectors as codes in lists, with ids, among which neighbours are found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _inputs, _wgvq
from ._estimator import seed_of
from ._parameters import refuse_unknown
from ._progress import showing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

#: What the library does if nothing else is said.
DEFAULTS = _wgvq.index_defaults()


class Added(NamedTuple):
    """What `Index.add` did."""

    #: Vectors that came.
    added: int
    #: Vectors that went, because others came with their ids.
    replaced: int


class Index:
    """Vectors as codes in lists, with ids of 64 bits, in a folder on disk.

    `Index.build` makes one and `Index.open` opens one; it is the index of the command line (`wgvq index`). What was opened stays
    as it is until this object changes it, whatever others do to the folder, which one at a time may write to.

    It ends a `with` block closed, and goes to other processes by its path.

    Examples
    --------
    >>> import numpy as np, tempfile, wgvq
    >>> x = np.random.default_rng(0).normal(size=(1000, 16)).astype(np.float32)
    >>> path = tempfile.mkdtemp() + "/base.wgvqi"
    >>> index = wgvq.Index.build(path, x, spec="IVF8,PQ8x4")
    >>> ids, distances = index.search(x[:5], k=3)              # (5, 3) each
    >>> ids[:, 0].tolist()
    [0, 1, 2, 3, 4]
    >>> index.add(x[:2] + 1, ids=[5000, 5001])
    Added(added=2, replaced=0)
    >>> index.remove([5000])
    1
    >>> len(index)
    1001
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError("an index is made by wgvq.Index.build, or opened by wgvq.Index.open")

    @classmethod
    def build(
        cls,
        path: str | os.PathLike[str],
        data: Any,
        *,
        spec: str,
        ids: Any = None,
        keep: Any = None,
        metric: str = DEFAULTS["metric"],
        refine: str = DEFAULTS["refine"],
        recall: float | None = None,
        queries: Any = None,
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        memory: int = DEFAULTS["memory"],
        overwrite: bool = False,
        device: str = "auto",
        threads: int | None = None,
        verbose: bool | None = None,
        **settings: Any,
    ) -> Self:
        """Trains lists and a quantizer on vectors, and writes an index of them.

        Until the end there is no index, or still the one that was there. Ctrl-C ends the work within a second.

        Parameters
        ----------
        path : str or os.PathLike
            The folder to write; its name ends in ".wgvqi".
        data : array (n, d), or path or list of paths
            The vectors, in any form that `fit` takes them; or files as the command line reads them, which may be larger than memory.
        spec : str
            How many lists, and what quantizes the vectors in them: "IVF1024,PQ64x4". Without IVF there is one list.
        ids : array (n,) of whole numbers or None
            The ids of the vectors, from 0 to 2^64 - 1. None numbers them.
        keep : table, dict of columns or None
            Columns to keep beside the vectors, a row for each, which searches filter by (`where`) and `column` reads: whole numbers,
            floats, booleans and strings, with None or NaN for what is missing; a table of pyarrow, pandas or polars, or a dictionary of
            arrays and lists.
        metric : str
            What "near" means: "l2", squared distances; "ip", inner products; or "cosine".
        refine : str
            What the nearest by their codes are compared by once more: "f16" or "u8" of each dimension, "source" (the files of the
            vectors, which have to stay) or "none".
        recall : float or None
            Measures how much of the 10 true neighbours searches find, and lets those aim at this share that say nothing else. A
            tenth of the vectors, up to 1000, are queries then, and nothing is trained on them.
        queries : array (q, d) or None
            Measures that by these queries instead.
        random_state : int, RandomState, Generator or None
            The seed of everything random. None draws one.
        memory : int
            Stays within about that many bytes.
        overwrite : bool
            Whether to take the place of an index that is there.
        device, threads, verbose
            As all quantizers have them. The first two are for searches too.
        **settings
            Settings of the quantizer, which `wgvq.settings` lists.

        Raises
        ------
        ValueError
            Vectors, ids and parameters that do not go together.
        TypeError
            A setting that the quantizer does not have.
        FileExistsError
            An index that is there, unless `overwrite`.
        OSError, DeviceError
        """
        known = [setting["name"] for setting in _wgvq.index_settings(spec)]
        refuse_unknown(spec, settings, known)
        if recall is None and queries is not None:
            raise ValueError("the queries are to measure a recall by; say which is wanted, such as recall=.95")
        with showing(verbose, "build") as progress:
            inner = _wgvq.Index.build(
                os.path.abspath(path),
                _inputs.vectors_or_files(data),
                spec,
                settings,
                ids=None if ids is None else _inputs.ids(ids, "ids"),
                keep=_inputs.columns(keep, "keep"),
                refine=refine,
                metric=metric,
                recall=recall,
                queries=None if queries is None else _inputs.vectors(queries, "queries"),
                seed=seed_of(random_state),
                memory=_inputs.count(memory, "memory"),
                overwrite=overwrite,
                device=device,
                threads=threads,
                progress=progress,
            )
        return cls._of(inner, device, threads, verbose)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        device: str = "auto",
        threads: int | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Opens an index, by mapping its files: its vectors are not read.

        Raises FileNotFoundError; ValueError if it is no index, is of a newer version or is damaged.
        """
        return cls._of(_wgvq.Index.open(os.path.abspath(path), device, threads), device, threads, verbose)

    @classmethod
    def _of(cls, inner: _wgvq.Index, device: str, threads: int | None, verbose: bool | None) -> Self:
        index = cls.__new__(cls)
        index._inner = inner
        index._how = {"device": device, "threads": threads, "verbose": verbose}
        return index

    _inner: _wgvq.Index
    _how: dict[str, Any]

    # What it is.

    @property
    def path(self) -> str:
        """Its folder."""
        return os.fspath(self._inner.path)

    @property
    def spec(self) -> str:
        """Lists and quantizer."""
        return self._inner.spec

    @property
    def metric(self) -> str:
        """What "near" means."""
        return self._inner.metric

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._inner.dim

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are kept beside the vectors: "int", "float", "bool" or "string" by their names."""
        return dict(self._inner.columns())

    def __len__(self) -> int:
        """How many vectors there are."""
        return len(self._inner)

    def info(self) -> dict[str, Any]:
        """What it is and how large, as `wgvq index info --json` has it; "recall" is what is expected of searches, if measured."""
        return self._inner.info()

    def __repr__(self) -> str:
        try:
            what = f"{len(self)} vectors of {self.dim} dimensions, {self.spec}, {self.metric}"
        except ValueError:
            what = "closed"
        return f"<wgvq.Index {self.path!r}: {what}>"

    # Searches.

    def search(
        self,
        queries: Any,
        k: int = DEFAULTS["k"],
        *,
        nprobe: int | None = None,
        depth: int | None = None,
        recall: float | None = None,
        filter: Any = None,
        where: str | None = None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """The k nearest neighbours of each query: ids and distances, the nearest first, and of equally near ones the lowest id.

        Both are (q, k), or (k,) of one query (d,); and have fewer columns if there are not so many vectors. Distances are squared
        by "l2", 1 less the cosine by "cosine", and the inner product with its sign turned by "ip".

        Parameters
        ----------
        queries : array (q, d) or (d,)
            In any form that `fit` takes vectors.
        k : int
            Neighbours of each.
        nprobe : int or None
            Lists to look into. None takes what the recall takes that the index was built for, or the library's own number.
        depth : int or None
            How many of the nearest by their codes are compared once more. None as for nprobe.
        recall : float or None
            Looks as far as it takes for such a 10-recall@10 to be expected, of an index whose recall was measured.
        filter : array of ids or None
            Looks among the vectors with these ids alone.
        where : str or None
            Looks among the vectors of which this holds by the columns that are kept, such as "year >= 2020 and lang in ('de', 'en')":
            comparisons, `in` and `is null`, put together by `and`, `or`, `not` and brackets. With a filter both have to let one pass.

        Raises ValueError for queries of other dimensions or with values that are not finite, by row and column.
        """
        rows, is_one = _inputs.queries(queries)
        ids, distances = self._inner.search(
            rows,
            _inputs.count(k, "k"),
            nprobe=None if nprobe is None else _inputs.count(nprobe, "nprobe"),
            depth=None if depth is None else _inputs.count(depth, "depth"),
            recall=recall,
            filter=None if filter is None else _inputs.ids(filter, "filter"),
            predicate=where,
        )
        return (ids[0], distances[0]) if is_one else (ids, distances)

    def search_range(
        self,
        queries: Any,
        radius: float,
        *,
        nprobe: int | None = None,
        recall: float | None = None,
        filter: Any = None,
        where: str | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float32]]:
        """All neighbours of each query within a radius: `lims`, ids and distances, as FAISS has them.

        The neighbours of query i are `ids[lims[i]:lims[i + 1]]`, the nearest first. By "l2" and "cosine" their distances are at most
        `radius`; by "ip" their inner products are at least that. The other parameters are those of `search`.
        """
        rows, _ = _inputs.queries(queries)
        return self._inner.search_range(
            rows,
            radius,
            nprobe=None if nprobe is None else _inputs.count(nprobe, "nprobe"),
            recall=recall,
            filter=None if filter is None else _inputs.ids(filter, "filter"),
            predicate=where,
        )

    def column(self, name: str, ids: Any) -> NDArray[np.object_]:
        """What is kept of the vectors with these ids in a column: an array of objects of the shape of `ids`, None for null.

        `ids` may be what a search gives, (q, k). Raises ValueError for a column that is not kept, and for an id that no vector has.
        """
        # Several queries have rows of ids.
        shape = ids.shape if isinstance(ids, np.ndarray) else None
        flat = _inputs.ids(ids.ravel() if shape is not None else ids, "ids")
        values = np.empty(len(flat), dtype=object)
        values[:] = self._inner.column(name, flat)
        return values if shape is None else values.reshape(shape)

    # Changes.

    def add(
        self,
        vectors: Any,
        ids: Any = None,
        *,
        keep: Any = None,
        replace: bool = False,
        memory: int = DEFAULTS["memory"],
    ) -> Added:
        """Adds vectors: all of them, or none where this fails.

        `vectors`, `ids` and `keep`, which has the columns that the index keeps, are as in `build`; without ids they go on from the largest
        that there was. With `replace` vectors take the places
        of those with their ids, and of several with one id the last counts.

        Raises ValueError for other dimensions and columns, and for an id that is given twice, or there already and not replaced; OSError where
        another process is writing to the index.
        """
        with self._showing("add") as progress:
            added, replaced = self._inner.add(
                _inputs.vectors_or_files(vectors),
                ids=None if ids is None else _inputs.ids(ids, "ids"),
                keep=_inputs.columns(keep, "keep"),
                replace=replace,
                memory=_inputs.count(memory, "memory"),
                progress=progress,
            )
        return Added(added, replaced)

    def remove(self, ids: Any, *, missing_ok: bool = False) -> int:
        """Removes the vectors with these ids: all of them, or none where this fails. Returns how many there were.

        Raises ValueError for an id that no vector has, unless `missing_ok`.
        """
        return self._inner.remove(_inputs.ids(ids, "ids"), missing_ok)

    def compact(self, *, memory: int = DEFAULTS["memory"]) -> None:
        """Merges what was added and removed into one segment. Neighbours stay the same, and are found sooner.

        If its recall was measured, that is done anew.
        """
        with self._showing("compact") as progress:
            self._inner.compact(_inputs.count(memory, "memory"), progress)

    def verify(self) -> None:
        """Reads every byte and holds it against its checksum.

        Raises ValueError, naming file and place, for the first byte that is not as it was written.
        """
        with self._showing("verify") as progress:
            self._inner.verify(progress)

    def _showing(self, what: str) -> Any:
        return showing(self._how["verbose"], what)

    # Its life.

    def close(self) -> None:
        """Lets go of the files, once searches that are under way have ended."""
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (type(self), self.path, self._how)


def _open(cls: type[Index], path: str, how: dict[str, Any]) -> Index:
    """What is pickled."""
    return cls.open(path, **how)
