"""An index on disk: what it finds, how it changes, and what is refused."""

import copy
import os
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from programs import assert_ctrl_c_ends

import wgvq
import xxhash


def truth(x, queries, k):
    """Row numbers of the nearest by squared distances, (q, k)."""
    distances = ((queries[:, np.newaxis].astype(np.float64) - x[np.newaxis]) ** 2).sum(axis=2)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


@pytest.fixture(scope="module")
def x(digits):
    return np.ascontiguousarray(digits[:1000])


@pytest.fixture(scope="module")
def index(x, tmp_path_factory):
    """One of which every search that looks everywhere finds the true neighbours: digits are whole numbers that f16 holds."""
    path = tmp_path_factory.mktemp("index") / "digits.wgvqi"
    return wgvq.Index.build(path, x, spec="IVF8,PQ16x4", device="cpu", iters=5)


EVERYWHERE = {"nprobe": 8, "depth": 1000}


def test_what_is_found_is_the_nearest(index, x, digits):
    queries = digits[1000:1050]
    ids, distances = index.search(queries, 5, **EVERYWHERE)
    assert ids.dtype == np.uint64 and distances.dtype == np.float32 and ids.shape == distances.shape == (50, 5)
    assert (ids == truth(x, queries, 5)).all()
    assert np.allclose(distances, ((queries[:, np.newaxis] - x[ids]) ** 2).sum(axis=2))
    assert index.search(queries)[0].shape == (50, 10)


def test_one_query_is_searched_for_as_many_are(index, digits):
    many = index.search(digits[1000:1100], 7)
    for row in range(100):
        one = index.search(digits[1000 + row], 7)
        assert (one[0] == many[0][row]).all() and (one[1] == many[1][row]).all()
        assert one[0].shape == (7,)
    assert (index.search(digits[1000].tolist(), 7)[0] == many[0][0]).all()


FORMS = {
    "float64": lambda x: x.astype(np.float64),
    "uint8": lambda x: x.astype(np.uint8),
    "gaps": lambda x: np.repeat(x, 2, axis=0)[::2],
    "lists": lambda x: x.tolist(),
    "pandas": pandas.DataFrame,
    "polars": lambda x: polars.Series(x.tolist(), dtype=polars.Array(polars.Float32, x.shape[1])),
    "arrow": lambda x: pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1]),
}


@pytest.mark.parametrize("form", FORMS)
def test_queries_come_in_every_form(form, index, digits):
    queries = digits[1000:1010]
    assert (index.search(FORMS[form](queries), 3)[0] == index.search(queries, 3)[0]).all()


def test_data_comes_in_every_form_and_from_files(index, x, digits, tmp_path):
    want = index.search(digits[1000:1010], 3)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for data in (mapped, FORMS["arrow"](x), tmp_path / "x.npy", [str(tmp_path / "x.npy")]):
        new = wgvq.Index.build("a.wgvqi", data, spec="IVF8,PQ16x4", device="cpu", iters=5, overwrite=True)
        found = new.search(digits[1000:1010], 3)
        assert (found[0] == want[0]).all() and (found[1] == want[1]).all()
    source = wgvq.Index.build("b.wgvqi", "x.npy", spec="IVF8,PQ16x4", refine="source", device="cpu")
    assert (source.search(x[:9], 1, nprobe=8)[1] == 0).all()
    with pytest.raises(ValueError, match="has to know which files they are in"):
        wgvq.Index.build("c.wgvqi", x, spec="IVF8,PQ16x4", refine="source", device="cpu")


def test_all_within_a_radius(index, x, digits):
    queries, radius = digits[1000:1020], 700.0
    lims, ids, distances = index.search_range(queries, radius, nprobe=8)
    exact = ((queries[:, np.newaxis].astype(np.float64) - x) ** 2).sum(axis=2)
    assert lims.dtype == np.int64 and lims[0] == 0 and (np.diff(lims) == (exact <= radius).sum(axis=1)).all()
    for row in range(20):
        own = slice(lims[row], lims[row + 1])
        assert set(ids[own]) == set(np.flatnonzero(exact[row] <= radius))
        assert (np.diff(distances[own]) >= 0).all() and (distances[own] <= radius).all()
    one = index.search_range(queries[0], radius, nprobe=8)
    assert (one[0] == lims[:2]).all() and (one[1] == ids[: lims[1]]).all()


@pytest.mark.parametrize("kind", ["array", "int64", "list", "set", "range", "pandas", "polars", "arrow", "column"])
def test_a_filter_and_ids_are_any_whole_numbers(kind, index, x):
    make = {
        "array": lambda ids: np.array(ids, np.uint64),
        "int64": lambda ids: np.array(ids, ">i8"),
        "list": list,
        "set": set,
        "range": lambda ids: range(3, 40, 7),
        "pandas": pandas.Series,
        "polars": polars.Series,
        "arrow": pa.array,
        "column": lambda ids: pa.chunked_array([ids]),
    }[kind]
    ids = list(range(3, 40, 7))
    found, _ = index.search(x[:20], 3, filter=make(ids))
    assert (found == np.array(ids)[truth(x[ids], x[:20], 3)]).all()


@pytest.mark.parametrize(
    "metric,distance",
    [
        ("ip", lambda q, x: -(q * x).sum()),
        ("cosine", lambda q, x: 1 - (q * x).sum() / np.sqrt((q**2).sum() * (x**2).sum())),
    ],
)
def test_other_metrics(metric, distance, x, digits):
    index = wgvq.Index.build("a.wgvqi", x, spec="IVF4,PQ16x4", metric=metric, device="cpu", iters=3)
    assert index.metric == metric
    ids, distances = index.search(digits[1000], 20, nprobe=4, depth=1000)
    exact = np.array([distance(digits[1000].astype(np.float64), row.astype(np.float64)) for row in x])
    # f16 keeps 11 bits of each value of a unit vector: its error is within 2^-11 of Σ|q x| ≤ 1.
    assert np.allclose(distances, exact[ids], rtol=1e-6, atol=2**-11 if metric == "cosine" else 0)
    assert np.allclose(distances, np.sort(exact)[:20], rtol=1e-6, atol=2**-11 if metric == "cosine" else 0)


def test_vectors_come_and_go(x, tmp_path):
    large = 2**64 - 1
    index = wgvq.Index.build("a.wgvqi", x[:500], spec="PQ8x4", ids=np.arange(500, dtype=np.uint64) + np.uint64(2**63), device="cpu")
    reader = wgvq.Index.open("a.wgvqi", device="cpu")
    assert index.add(x[500:502], [7, large]) == wgvq.Added(added=2, replaced=0)
    assert index.add(x[502:504], [7, 8], replace=True) == (2, 1)
    with pytest.raises(ValueError, match="the id 7, at row 0, is in the index already; ids are unique, and with replace"):
        index.add(x[:1], [7])
    assert index.search(x[501], 1, depth=500)[0].tolist() == [large]
    assert index.search(x[502], 1, depth=500)[0].tolist() == [7]
    with pytest.raises(ValueError, match="there are no 1 next ones; give ids"):
        index.add(x[:1])
    with pytest.raises(ValueError, match="no vector has the id 9; nothing was removed"):
        index.remove([7, 9])
    assert index.remove([7, 7]) == 1 and index.remove([7, 9, 8], missing_ok=True) == 1
    before = index.search(x[:50], 3)
    assert index.info()["segments"] > 1 and index.info()["deleted"] > 0
    index.compact()
    info = index.info()
    assert (info["segments"], info["deleted"], info["vectors"], info["dim"]) == (1, 0, 501, 64)
    assert all((a == b).all() for a, b in zip(index.search(x[:50], 3), before))
    index.verify()
    # What was opened before goes on as it was.
    assert len(reader) == 500 and len(index) == 501 and len(wgvq.Index.open("a.wgvqi")) == 501
    assert reader.search(x[502], 1, depth=500)[0][0] >= 2**63


def test_an_index_of_nothing_and_more_neighbours_than_there_are(x):
    index = wgvq.Index.build("a.wgvqi", x[:100], spec="IVF2,PQ8x4", device="cpu")
    assert index.search(x[:3], 2**62)[0].shape == (3, 100)
    assert index.search(x[:3], 10, filter=[])[0].shape == (3, 0)
    assert index.search(x[:3], 10, filter=[5, 8, 1000])[0].shape == (3, 2)
    index.remove(range(100))
    assert len(index) == 0
    ids, distances = index.search(x[:3])
    assert ids.shape == distances.shape == (3, 0) and index.search(x[0])[0].shape == (0,)
    assert index.search_range(x[:3], 1e9)[0].tolist() == [0, 0, 0, 0]
    index.compact()
    index.verify()
    assert index.add(x[:1], [5]).added == 1 and index.search(x[:3])[0].tolist() == [[5]] * 3


def test_a_recall_that_is_wanted(wordnet):
    x, queries = wordnet[:4000], wordnet[4000:4300]
    index = wgvq.Index.build("a.wgvqi", x, spec="IVF16,PQ48x4", recall=0.9, device="cpu", iters=5)
    want = truth_by_products(x, queries)

    def recall(**how):
        ids, _ = index.search(queries, **how)
        return np.mean([len(np.intersect1d(*pair)) / 10 for pair in zip(ids, want)])

    curve = index.info()["recall"]
    assert curve["wanted"] == 0.9 and curve["queries"] == 400 and not curve["changed"]
    # Of 300 queries and of 400 that it was measured by, each with at most a standard deviation of .3 in ten neighbours that are
    # somewhat alike: .3 √(1/300 + 1/400) = .023, twice that.
    assert abs(recall() - 0.9) < 0.05 and recall(recall=0.98) > recall(recall=0.8)
    with pytest.raises(ValueError, match="a recall says how many lists and rows are looked at; give it, or these numbers"):
        index.search(queries, recall=0.9, nprobe=3)
    with pytest.warns(UserWarning, match=r"a recall of 1 is not expected of any search; the most, [0-9.]+, is aimed at"):
        wgvq.Index.build("b.wgvqi", x[:1000], spec="PQ8x4", refine="none", recall=1, device="cpu", iters=1)


def truth_by_products(x, queries):
    """The rows of the ten nearest: as `truth`, for many dimensions."""
    return np.argsort((x**2).sum(axis=1) - 2 * queries @ x.T, axis=1)[:, :10]


def test_what_it_says_of_itself(index, tmp_path):
    assert (len(index), index.dim, index.spec, index.metric) == (1000, 64, "IVF8,PQ16x4", "l2")
    assert os.path.isabs(index.path)
    assert repr(index) == f"<wgvq.Index {index.path!r}: 1000 vectors of 64 dimensions, IVF8,PQ16x4, l2>"
    info = index.info()
    assert info["refine"] == "f16" and info["vectors"] == 1000 and info["recall"] is None
    for again in (pickle.loads(pickle.dumps(index)), copy.copy(index)):
        assert again.path == index.path and len(again) == 1000


def test_a_block_ends_with_it_closed(index, x):
    with wgvq.Index.open(index.path) as opened:
        assert len(opened) == 1000
    assert repr(opened).endswith(": closed>")
    for use in (lambda: opened.search(x[0]), lambda: len(opened), lambda: opened.remove([1]), opened.verify):
        with pytest.raises(ValueError, match=r"was closed; wgvq.Index.open opens it again"):
            use()
    assert len(index) == 1000


def test_defaults_are_those_of_the_library():
    import inspect

    from wgvq import _wgvq

    said = _wgvq.index_defaults()
    parameters = {**inspect.signature(wgvq.Index.build).parameters, **inspect.signature(wgvq.Index.search).parameters}
    assert {name: parameters[name].default for name in said} == said
    assert said["refine"] == "f16" and said["k"] == 10
    # Every parameter is explained.
    for name, parameter in inspect.signature(wgvq.Index.build).parameters.items():
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        assert f"{stars}{name}" in wgvq.Index.build.__doc__
    for setting in _wgvq.index_settings("IVF9,RQ4x4"):
        assert setting in wgvq.settings("RQ4x4")


def test_examples_in_its_documentation():
    import doctest

    from wgvq import _index

    failed, tried = doctest.testmod(_index)
    assert tried > 6 and failed == 0


def test_many_threads_search_while_one_changes_it(x):
    index = wgvq.Index.build("a.wgvqi", x, spec="IVF4,PQ16x4", device="cpu", iters=2)
    want = index.search(x[:64], 1, nprobe=4)[0]
    stop = threading.Event()

    def search():
        rounds = 0
        while not stop.is_set():
            assert (index.search(x[:64], 1, nprobe=4)[0] == want).all()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(5) as pool:
        searches = [pool.submit(search) for _ in range(2)]
        # Two who change it at once wait for each other.
        changes = [pool.submit(index.add, x[:5] + 100, np.arange(5) + 1000 * who) for who in (1, 2, 3)]
        assert [change.result() for change in changes] == [(5, 0)] * 3
        index.compact()
        stop.set()
        assert all(search.result() > 0 for search in searches)
    assert len(index) == 1015


BUILD = {"spec": "IVF4,PQ16x4", "device": "cpu"}
WRONG_BUILDS = {
    "spec": ({"spec": "IVF4"}, ValueError, "IVF4 says nothing of what quantizes the vectors; an example is IVF1024,PQ64x4"),
    "lists": ({"spec": "IVF2000,PQ16x4"}, ValueError, "2000 lists: "),
    "parts": ({"spec": "IVF4,PQ65x4"}, ValueError, "PQ65x4"),
    "metric": ({"metric": "l1"}, ValueError, "searched by l2, ip or cosine, not by l1"),
    "no metric": ({"metric": "nearness"}, ValueError, 'metric is "nearness"; must be l2'),
    "refine": ({"refine": "f8"}, ValueError, 'refine is "f8"; must be f16, u8, source or none'),
    "a recall of 2": ({"recall": 2}, ValueError, "a recall of 2; one from 0.5 to 1 can be aimed at"),
    "queries alone": ({"queries": [[0.0] * 64]}, ValueError, "say which is wanted, such as recall=.95"),
    "queries of others": ({"recall": 0.9, "queries": [[0.0]]}, ValueError, "are 1 × 1; one at least of 64 dimensions"),
    "setting": ({"beam": 3}, TypeError, "IVF4,PQ16x4 has no parameter 'beam'; it has "),
    "value": ({"iters": -1}, ValueError, "iters is -1; must be a whole number of 0 or more"),
    "memory": ({"memory": 0}, ValueError, "memory is 0; must be a whole number of 1 or more"),
    "too little memory": ({"memory": 100_000}, ValueError, "training on .* vectors takes about .* bytes of memory"),
    "too few ids": ({"ids": range(999)}, ValueError, "999 ids for 1000 vectors; each has one"),
    "repeated id": ({"ids": [*range(999), 17]}, ValueError, "the id 17 is given twice, at rows 17 and 999; ids are unique"),
    "negative id": ({"ids": [*range(999), -1]}, ValueError, r"ids: row 999 is -1; an id is a whole number from 0 to 2\^64 - 1"),
    "negative ids": ({"ids": np.arange(1000) - 1}, ValueError, r"ids: row 0 is .*-1.*; an id is a whole number from 0"),
    "an id too large": ({"ids": [2**64, *range(999)]}, ValueError, "ids: row 0 is 18446744073709551616; an id"),
    "float ids": ({"ids": np.arange(1000.0)}, ValueError, r"ids are of type float64; .*ids.astype\(np.uint64\)"),
    "a float id": ({"ids": [*range(999), 0.5]}, ValueError, "ids: row 999 is 0.5; an id is"),
    "texts": ({"ids": ["a"] * 1000}, ValueError, "ids: row 0 is 'a'; an id is"),
    "missing ids": ({"ids": pa.array([None, *range(999)])}, ValueError, "ids are of type float64"),
    "ids of two dimensions": ({"ids": np.zeros((1000, 1), int)}, ValueError, r"ids are of shape \(1000, 1\); one whole"),
    "a masked id": ({"ids": np.ma.masked_array(range(1000), np.arange(1000) == 7)}, ValueError, "row 7 of ids has a masked value"),
    "one id": ({"ids": 5}, ValueError, r"ids are of shape \(\); one whole number for each vector"),
    "device": ({"device": "gpu:99"}, ValueError, 'there is no device "gpu:99"; the devices here are auto, cpu'),
    "threads": ({"threads": 0}, ValueError, "threads is 0; must be 1 to 1024"),
    "negative threads": ({"threads": -1}, ValueError, "threads is -1; must be 1 to 1024, or None"),
    "half a thread": ({"threads": 0.5}, ValueError, "threads is 0.5; must be 1 to 1024, or None"),
    "random state": ({"random_state": -1}, ValueError, "random_state is -1"),
}


@pytest.mark.parametrize("name", WRONG_BUILDS)
def test_a_build_that_cannot_be_is_refused_and_leaves_nothing(name, x):
    parameters, error, words = WRONG_BUILDS[name]
    with pytest.raises(error, match=words):
        wgvq.Index.build("a.wgvqi", x, **{**BUILD, **parameters})
    assert not os.path.exists("a.wgvqi")


def with_value(x, row, value):
    x = x.copy()
    x[row, 3] = value
    return x


WRONG_DATA = {
    "NaN": (lambda x: with_value(x, 417, np.nan), ValueError, "row 417, column 3 is NaN"),
    "too large for halves": (lambda x: with_value(x, 999, 7e4), ValueError, "row 999, column 3 is 7e4, over the 65504"),
    "one vector": (lambda x: x[0], ValueError, r"data.reshape\(1, -1\)"),
    "ragged": (lambda x: [[1.0, 2.0], [3.0]], ValueError, "row 1 has 1 values and row 0 has 2"),
    "texts": (lambda x: np.array([["a", "b"]]), ValueError, "data is of type <U1; vectors are of numbers"),
    "nothing": (lambda x: None, ValueError, "data is of type NoneType; vectors are the rows"),
    "no vectors": (lambda x: x[:0], ValueError, r"0 sample\(s\)"),
    "no file": (lambda x: "missing.npy", FileNotFoundError, "data: missing.npy: "),
    "no files": (lambda x: [], ValueError, "Expected 2D array, got 1D array"),
}


@pytest.mark.parametrize("name", WRONG_DATA)
def test_vectors_that_are_none_are_refused_and_leave_nothing(name, x, index):
    make, error, words = WRONG_DATA[name]
    with pytest.raises(error, match=words):
        wgvq.Index.build("a.wgvqi", make(x), **BUILD)
    assert not os.path.exists("a.wgvqi")
    with pytest.raises(error, match=words):
        index.add(make(x), memory=1 << 26)
    assert len(index) == 1000


WRONG_SEARCHES = {
    "dimensions": (lambda x: x[:, :5], {}, ValueError, "the queries have 5 dimensions, the index 64"),
    "dimensions of one": (lambda x: x[0, :5], {}, ValueError, "the queries have 5 dimensions, the index 64"),
    "NaN": (lambda x: with_value(x, 17, np.nan), {}, ValueError, "row 17, column 3 is NaN"),
    "infinity": (lambda x: with_value(x, 0, np.inf)[0], {}, ValueError, "row 0, column 3 is inf"),
    "a number": (lambda x: 5.0, {}, ValueError, "queries is of type float; vectors are the rows"),
    "words": (lambda x: "query", {}, ValueError, "queries is of type <U5; vectors are of numbers"),
    "three dimensions": (lambda x: x[None], {}, ValueError, "queries has shape"),
    "no neighbours": (lambda x: x, {"k": 0}, ValueError, "k is 0; must be a whole number of 1 or more"),
    "negative neighbours": (lambda x: x, {"k": -3}, ValueError, "k is -3; must be a whole number"),
    "half a neighbour": (lambda x: x, {"k": 2.5}, ValueError, "k is 2.5; must be a whole number"),
    "too many neighbours": (lambda x: x, {"k": 10**30}, ValueError, "k is 10+; must be a whole number"),
    "no lists": (lambda x: x, {"nprobe": 0}, ValueError, "nprobe is 0; must be"),
    "no rows": (lambda x: x, {"depth": "all"}, ValueError, "depth is 'all'; must be"),
    "no recall": (lambda x: x, {"recall": 0.9}, ValueError, "has not been measured for this index; build it again with a recall"),
    "a mask": (lambda x: x, {"filter": np.ones(1000, bool)}, ValueError, r"filter are of type bool; .* np.flatnonzero\(filter\)"),
    "negative ids": (lambda x: x, {"filter": [3, -4]}, ValueError, "filter: row 1 is -4; an id is a whole number"),
}


@pytest.mark.parametrize("name", WRONG_SEARCHES)
def test_a_search_that_cannot_be_is_refused(name, x, index):
    make, how, error, words = WRONG_SEARCHES[name]
    with pytest.raises(error, match=words):
        index.search(make(x[:50]), **how)


def test_a_radius_that_cannot_be_is_refused(x, index):
    for radius, words in ((-1, "a radius of -1; no distance by l2 is below 0"), (np.nan, "a radius of NaN")):
        with pytest.raises(ValueError, match=words):
            index.search_range(x[:2], radius)
    with pytest.raises(TypeError, match="real number"):
        index.search_range(x[:2], "near")


def test_files_that_are_none(x, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.wgvqi: No such index"):
        wgvq.Index.open("none.wgvqi")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        wgvq.Index.build("nowhere/a.wgvqi", x, **BUILD)
    (tmp_path / "file.wgvqi").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a file; an index is a folder"):
        wgvq.Index.open("file.wgvqi")
    (tmp_path / "c.wgvqi").mkdir()
    with pytest.raises(ValueError, match="has no manifest: it is no index, or its build was not finished"):
        wgvq.Index.open("c.wgvqi")
    wgvq.Index.build("c.wgvqi", x, **BUILD)
    with pytest.raises(FileExistsError, match=r"c.wgvqi: exists; pass overwrite=True to replace it"):
        wgvq.Index.build("c.wgvqi", x[:500], **BUILD)
    assert len(wgvq.Index.open("c.wgvqi")) == 1000
    assert len(wgvq.Index.build("c.wgvqi", x[:500], **BUILD, overwrite=True)) == 500
    with pytest.raises(TypeError, match="made by wgvq.Index.build, or opened by wgvq.Index.open"):
        wgvq.Index("c.wgvqi")


def test_what_is_damaged_or_newer_is_named(x, tmp_path):
    index = wgvq.Index.build("a.wgvqi", x, **BUILD)
    manifest = tmp_path / "a.wgvqi" / "manifest"
    text = manifest.read_bytes()
    (segment,) = (tmp_path / "a.wgvqi").glob("segment-*")
    whole = segment.read_bytes()
    middle = len(whole) // 2
    segment.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match=f"{segment.name}.*is damaged"):
        wgvq.Index.open("a.wgvqi").verify()
    segment.write_bytes(whole)
    index.verify()
    newer, count = re.subn(rb'"format": ?1', b'"format":9', text)
    assert count == 1
    manifest.write_bytes(newer)
    with pytest.raises(ValueError, match="manifest: is damaged"):
        wgvq.Index.open("a.wgvqi")
    json = newer.rstrip().rpartition(b"\n")[0]
    manifest.write_bytes(json + b"\n" + xxhash.xxh3_128_hexdigest(json).encode() + b"\n")
    with pytest.raises(ValueError, match="an index of format 9; this version reads those up to 2, a newer one is needed"):
        wgvq.Index.open("a.wgvqi")


def test_another_process_that_writes(x, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    index = wgvq.Index.build("a.wgvqi", x, **BUILD)
    with open(tmp_path / "a.wgvqi" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process is writing to it; wait for its end"):
            index.add(x[:1])
    assert index.add(x[:1]).added == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
@pytest.mark.parametrize(
    "work",
    [
        "wgvq.Index.build('b.wgvqi', x, spec='IVF2000,PQ64x4', device='cpu', iters=10**6)",
        "small.add(x)",
        "small.search(x, nprobe=4, depth=600)",
    ],
)
def test_ctrl_c_ends_work_within_a_second(work, tmp_path):
    program = f"""
        import numpy as np, wgvq
        x = np.random.default_rng(0).normal(size=(200000, 64)).astype(np.float32)
        small = wgvq.Index.build("a.wgvqi", x[:600], spec="IVF4,RQ4x6", beam=64, iters=1, device="cpu")
        print("on", flush=True)
        {work}
        """
    assert_ctrl_c_ends(program)
    # The index is as it was, and what was begun stands in nobody's way.
    again = wgvq.Index.open("a.wgvqi")
    assert len(again) == 600 and not os.path.exists("b.wgvqi/manifest")


def test_progress_of_a_build(x, capsys, monkeypatch):
    from wgvq import _progress

    monkeypatch.setattr(_progress, "LINE_EVERY", 0)
    many = np.tile(x, (40, 1)) + np.random.default_rng(0).normal(size=(40_000, 64)).astype(np.float32)
    # Beams take their time.
    wgvq.Index.build("a.wgvqi", many, spec="IVF64,RQ4x5", device="cpu", verbose=True)
    said = capsys.readouterr().err
    assert re.search(r"^build: \d+ iterations, mse \S+, \d+ s$", said, re.MULTILINE)
    assert re.search(r"^build: \d+ of 40000 vectors, \d+ s$", said, re.MULTILINE)


# Columns beside the vectors.


def said(rows):
    """What is said of some rows, as a dictionary of lists with gaps."""
    return {
        "year": [None if row % 5 == 0 else 1900 + row % 130 for row in rows],
        "price": [None if row % 7 == 3 else row * 0.25 for row in rows],
        "new": [None if row % 3 == 2 else row % 3 == 0 for row in rows],
        "lang": [None if row % 11 == 0 else ["de", "en", "größer", ""][row % 4] for row in rows],
    }


FORMS_OF_TABLES = {
    "dict": lambda columns: columns,
    "arrow": pa.table,
    "pandas": lambda columns: pandas.DataFrame(columns).convert_dtypes(),
    "polars": polars.DataFrame,
}


@pytest.fixture
def kept(x, tmp_path):
    rows = range(len(x))
    return wgvq.Index.build(
        tmp_path / "kept.wgvqi", x, spec="IVF8,PQ16x4", keep=said(rows), device="cpu", iters=5
    )


def test_searches_filter_by_columns(kept, x):
    rows = np.arange(len(x))
    columns = said(rows.tolist())
    assert kept.columns == {"year": "int", "price": "float", "new": "bool", "lang": "string"}
    year = np.array([value or -1 for value in columns["year"]])
    german = np.array([value == "de" for value in columns["lang"]])
    for where, holds in [
        ("year >= 1990 and lang = 'de'", (year >= 1990) & german),
        ("year is null or price > 200", (year < 0) | np.array([(value or 0) > 200 for value in columns["price"]])),
        ("not new = true", np.array([value is False for value in columns["new"]])),
    ]:
        allowed = rows[holds]
        ids, _ = kept.search(x[:20], 5, where=where, **EVERYWHERE)
        assert (ids == allowed[truth(x[allowed], x[:20], 5)]).all()
        assert (ids == kept.search(x[:20], 5, filter=allowed, **EVERYWHERE)[0]).all()
        one = kept.search(x[0], 5, where=where, **EVERYWHERE)[0]
        assert (one == ids[0]).all()
        lims, near, _ = kept.search_range(x[:3], 1e9, where=where, nprobe=8)
        assert lims.tolist() == [0, len(allowed), 2 * len(allowed), 3 * len(allowed)]
        assert set(near.tolist()) == set(allowed.tolist())
    both = kept.search(x[0], 5, where="year >= 1990", filter=[3, 95, 96], **EVERYWHERE)[0]
    assert sorted(both.tolist()) == [96]


def test_columns_are_read_by_ids(kept, x):
    columns = said(range(len(x)))
    ids, _ = kept.search(x[:20], 5, **EVERYWHERE)
    for name, values in columns.items():
        found = kept.column(name, ids)
        assert found.shape == (20, 5) and found.dtype == object
        assert found.tolist() == [[values[row] for row in row_ids] for row_ids in ids.tolist()]
        assert [type(value) for value in found[:, 0]] == [type(values[row]) for row in ids[:, 0]]
    assert kept.column("year", [3, 1]).tolist() == [1903, 1901]
    assert kept.column("lang", []).tolist() == []


@pytest.mark.parametrize("form", FORMS_OF_TABLES)
def test_columns_come_in_every_form(form, kept, x):
    table = FORMS_OF_TABLES[form](said(range(2000, 2100)))
    kept.add(x[:100] + 0.5, np.arange(2000, 2100), keep=table)
    columns = said(range(2000, 2100))
    for name, values in columns.items():
        assert kept.column(name, np.arange(2000, 2100)).tolist() == values
    # Numbers of numpy, and NaN for none.
    more = {
        "price": np.array([np.nan, 2.5], dtype=np.float32),
        "year": np.array([7, 8], dtype=np.uint16),
        "new": np.array([True, False]),
        "lang": np.array(["a", "b"]),
    }
    kept.add(x[:2], [5000, 5001], keep=more)
    assert [kept.column(name, [5000, 5001]).tolist() for name in more] == [
        [None, 2.5],
        [7, 8],
        [True, False],
        ["a", "b"],
    ]
    kept.compact()
    kept.verify()
    assert kept.column("year", [5001, 2001]).tolist() == [8, columns["year"][1]]


def test_bad_columns_and_predicates_are_named(kept, x, tmp_path):
    def build(keep):
        return wgvq.Index.build(tmp_path / "bad.wgvqi", x[:3], spec="SQ8", keep=keep, device="cpu")

    for keep, error, why in [
        ({"a": [1, 2]}, ValueError, "the column a has 2 rows for 3 vectors"),
        ({"a": [1, "b", 2]}, TypeError, "the column a is int, and row 1 is string"),
        ({"a": [1, b"b", 2]}, TypeError, "row 1 of the column a is of type bytes"),
        ({"a": [None, None, None]}, ValueError, "the column a has no value that is not None"),
        ({"a": [1, 2, 1 << 63]}, ValueError, "row 2 of the column a is over what 64 bits hold"),
        ([1, 2, 3], TypeError, "keep is of type list"),
    ]:
        with pytest.raises(error, match=re.escape(why)):
            build(keep)
    assert not (tmp_path / "bad.wgvqi").exists()
    with pytest.raises(ValueError, match="the column year is missing; the index keeps: year int, price float"):
        kept.add(x[:2])
    with pytest.raises(TypeError, match="the column year is int, and row 0 is of type str"):
        kept.add(x[:2], keep={"year": ["a", "b"]})
    with pytest.raises(ValueError, match='where is "year >"; at character 7'):
        kept.search(x[0], where="year >")
    with pytest.raises(ValueError, match="the index keeps no column yaer; did you mean year"):
        kept.search(x[0], where="yaer = 1")
    with pytest.raises(ValueError, match="no vector has the id 77777"):
        kept.column("year", [77777])
