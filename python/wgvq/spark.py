"""Encoding on a cluster of Spark (https://spark.apache.org): `pip install pyspark`.

`encode` turns vectors into codes where they lie::

    import wgvq, wgvq.spark
    quantizer = wgvq.load("model.safetensors")
    frame = spark.read.parquet("embeddings/")
    wgvq.spark.encode(frame, quantizer, column="vector").write.parquet("codes/")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from . import _tables
from ._estimator import Estimator

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

#: The narrowest types of Spark and of Arrow that hold codes of a type of numpy: Spark has none without a sign.
NUMBERS = {"uint8": ("ShortType", "int16"), "uint16": ("IntegerType", "int32"), "uint32": ("LongType", "int64")}


def encode(
    frame: Any, quantizer: Estimator, *, column: str, codes: str = "codes", keep: bool = False
) -> Any:
    """The DataFrame `frame` with the codes of the vectors in `column`.

    The codes of a vector are in the column `codes`, an array of whole numbers, in place of the vectors unless `keep`. All other
    columns, such as ids, and the order of rows within partitions stay as they are. A task encodes with as many threads as it has
    processors (`spark.task.cpus`).

    Raises ValueError for a column that there is not; a task fails as `Estimator.transform` does.
    """
    from pyspark.sql import types  # type: ignore[import-not-found, import-untyped, unused-ignore]

    _tables.check_column(frame.columns, column, "the DataFrame")
    number, _ = NUMBERS[str(_tables.no_codes(quantizer).dtype)]
    added = types.StructField(codes, types.ArrayType(getattr(types, number)(), False), False)
    rest = [field for field in frame.schema.fields if keep or field.name != column]
    threads = int(frame.sparkSession.conf.get("spark.task.cpus", "1"))
    task = Encode(quantizer, column=column, codes=codes, keep=keep, threads=threads)
    return frame.mapInArrow(task, types.StructType([*rest, added]))


class Encode(_tables.Encode):
    """What a task does with the record batches of its partition: `encode`, for `mapInArrow` with a schema of one's own."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        _, number = NUMBERS[str(_tables.no_codes(self.quantizer).dtype)]
        for batch in batches:
            table = pa.Table.from_batches([batch])
            yield from self.encoded(table, getattr(pa, number)()).to_batches()
