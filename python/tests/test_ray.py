"""A cluster of Ray of this machine alone; `examples/python/ray_encode.py` has two nodes and kills a worker."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import wgvq

ray = pytest.importorskip("ray", reason='ray is not installed: pip install "ray[data]"')
pytest.importorskip("ray.data")

from wgvq import ray as on_ray  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    yield
    ray.shutdown()


def table_of(x):
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(x).ravel()), x.shape[1])
    return pa.table({"id": np.arange(len(x)), "vector": lists})


def files_of(folder, *parts):
    for number, part in enumerate(parts):
        parquet.write_table(table_of(part), folder / f"{number}.parquet", row_group_size=300)
    return str(folder)


def quantizer():
    return wgvq.ProductQuantizer(4, 4, random_state=0, device="cpu", sample=40)


def test_a_fit_of_files_and_of_a_dataset_is_that_of_one_place(digits, tmp_path):
    folder = files_of(tmp_path, digits[:1000], digits[1000:])
    whole = quantizer().fit(digits)
    for _ in range(2):
        whole.refit(whole.refit_sums(digits))
    for data in (folder, ray.data.read_parquet(folder)):
        found = on_ray.fit(quantizer(), data, column="vector", passes=2)
        assert found._model.to_bytes() == whole._model.to_bytes()
    data = ray.data.read_parquet(folder)
    encoded = data.map_batches(on_ray.Encode(whole, column="vector"), batch_format="pyarrow")
    table = pa.concat_tables(ray.get(encoded.to_arrow_refs()))
    assert table.column_names == ["id", "codes"]
    assert table["id"].to_pylist() == [*range(1000), *range(len(digits) - 1000)]
    assert table["codes"].to_pylist() == whole.transform(digits).tolist()


def test_levels_that_all_vectors_decide_are_those_of_one_place(digits, tmp_path):
    folder = files_of(tmp_path, digits[:1000], digits[1000:])
    scalar = wgvq.ScalarQuantizer(4, random_state=0, device="cpu")
    found = on_ray.fit(wgvq.ScalarQuantizer(4, random_state=0, device="cpu"), folder, column="vector")
    assert found._model.to_bytes() == scalar.fit(digits)._model.to_bytes()


def test_what_is_wrong_with_vectors_is_said_of_which_file(digits, tmp_path):
    wrong = digits[1000:].copy()
    wrong[333, 5] = np.nan
    folder = files_of(tmp_path, digits[:1000], wrong)
    for sample in (0, 1):
        with pytest.raises(ValueError, match="1.parquet, row group 1: .*row 33, column 5 is (nan|NaN)"):
            on_ray.fit(quantizer().set_params(sample=sample), folder, column="vector", passes=1)
    folder = files_of(tmp_path, digits[:1000], digits[1000:, :63])
    with pytest.raises(ValueError, match="1.parquet, row group 0: its vectors have 63 dimensions, those of .*0.parquet"):
        on_ray.fit(quantizer(), folder, column="vector")
    with pytest.raises(ValueError, match="0.parquet: has no column 'x'; there are id, vector"):
        on_ray.fit(quantizer(), folder, column="x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: holds no .parquet file"):
        on_ray.fit(quantizer(), tmp_path / "empty", column="vector")


def test_a_worker_without_memory_is_an_error_that_says_what_to_do():
    def greedy(name):
        raise ray.exceptions.OutOfMemoryError("the node is out of memory")

    task = ray.remote(greedy).options(max_retries=0)
    with pytest.raises(MemoryError, match="x.parquet, row group 3: a worker ran out of memory: make blocks smaller"):
        list(on_ray._each(task, [("x.parquet, row group 3",)]))
