"""Tables of Arrow: what clusters hand to their workers, and files."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest

import wgvq
from wgvq import _tables, spark


@pytest.fixture(scope="module")
def quantizer(digits):
    return wgvq.ProductQuantizer(4, 4, threads=1, device="cpu").fit(digits)


def table_of(x, **columns):
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(x).ravel()), x.shape[1])
    return pa.table({"id": np.arange(len(x)), "vector": lists, **columns})


def test_codes_take_the_place_of_vectors_and_all_else_stays(digits, quantizer):
    table = table_of(digits, name=[f"digit {row}" for row in range(len(digits))])
    # A chunked column, as tables that were put together have.
    table = pa.concat_tables([table.slice(0, 700), table.slice(700)])
    found = _tables.Encode(quantizer, column="vector").encoded(table)
    assert found.column_names == ["id", "name", "codes"]
    assert found.select(["id", "name"]) == table.select(["id", "name"])
    assert found.schema.field("codes").type == pa.list_(pa.uint8(), 4)
    codes = found["codes"].combine_chunks().flatten().to_numpy().reshape(-1, 4)
    assert (codes == quantizer.transform(digits)).all()
    kept = _tables.Encode(quantizer, column="vector", codes="c", keep=True).encoded(table)
    assert kept.column_names == [*table.column_names, "c"]
    empty = _tables.Encode(quantizer, column="vector").encoded(table.slice(0, 0))
    assert empty.schema == found.schema and len(empty) == 0
    with pytest.raises(ValueError, match="the table: has no column 'x'; there are id, vector, name"):
        _tables.Encode(quantizer, column="x").encoded(table)


def test_a_task_of_spark_encodes_its_batches_in_their_order(digits, quantizer):
    encode = pickle.loads(pickle.dumps(spark.Encode(quantizer, column="vector")))
    batches = table_of(digits).to_batches(max_chunksize=500)
    found = pa.Table.from_batches(encode(iter(batches)))
    assert found["id"].to_pylist() == list(range(len(digits)))
    # Spark has no numbers without a sign.
    assert found.schema.field("codes").type == pa.list_(pa.int16())
    assert found["codes"].to_pylist() == quantizer.transform(digits).tolist()


def test_a_worker_takes_one_thread_unless_it_is_told_otherwise(digits, quantizer):
    anyhow = wgvq.ProductQuantizer(4, 4, device="cpu").fit(digits)
    assert _tables.Encode(anyhow, column="vector").quantizer.threads == 1
    assert _tables.Encode(anyhow, column="vector", threads=3).quantizer.threads == 3
    assert _tables.Encode(quantizer.set_params(threads=2), column="vector").quantizer.threads == 2
    assert anyhow.threads is None, "what a worker is told is not the caller's"


def test_spark_keeps_ids_and_order(digits, quantizer, tmp_path):
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    import pyarrow.parquet as parquet

    parquet.write_table(table_of(digits), tmp_path / "x.parquet", row_group_size=300)
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    try:
        session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    except Exception as error:
        pytest.skip(f"Spark does not start: {error}")
    try:
        frame = session.read.parquet(str(tmp_path / "x.parquet"))
        with pytest.raises(ValueError, match="the DataFrame: has no column 'x'; there are id, vector"):
            spark.encode(frame, quantizer, column="x")
        encoded = spark.encode(frame, quantizer, column="vector")
        assert encoded.schema.simpleString() == "struct<id:bigint,codes:array<smallint>>"
        rows = encoded.collect()
    finally:
        session.stop()
    assert [row.id for row in rows] == list(range(len(digits)))
    assert [row.codes for row in rows] == quantizer.transform(digits).tolist()


@pytest.mark.parametrize("packing", ["uncompressed", "lz4", "zstd"])
def test_files_that_pyarrow_wrote_are_read(digits, quantizer, packing, tmp_path):
    table = table_of(digits, name=[f"digit {row}" for row in range(len(digits))])
    feather.write_feather(table, tmp_path / "x.feather", compression=packing, chunksize=400)
    options = pa.ipc.IpcWriteOptions(compression=None if packing == "uncompressed" else packing)
    with pa.ipc.new_stream(tmp_path / "x.arrow", table.schema, options=options) as stream:
        stream.write_table(table, max_chunksize=500)
    quantizer.save(tmp_path / "pq.safetensors")
    for data in ("x.feather", "x.arrow:vector"):
        arguments = ["encode", data, "-m", "pq.safetensors", "-o", "codes.npy", "--force"]
        done = subprocess.run([sys.executable, "-m", "wgvq", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (np.load("codes.npy") == quantizer.transform(digits)).all()
