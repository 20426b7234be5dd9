"""What a type checker has to know of the package: it is not run."""

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import wgvq

quantizer = wgvq.ProductQuantizer(parts=4, bits=8, iters=3, threads=2)
assert_type(quantizer.fit([[0.0]]), wgvq.ProductQuantizer)
assert_type(wgvq.KMeans(8).fit([[0.0]]).labels_, NDArray[np.int32])
assert_type(wgvq.ResidualQuantizer(beam=3).beam, int)
assert_type(wgvq.load("model.safetensors"), wgvq.Quantizer)
index = wgvq.Index.build("base.wgvqi", [[0.0]], spec="IVF8,PQ8x4", recall=0.95, iters=3)
assert_type(index.search([[0.0]], 3), tuple[NDArray[np.uint64], NDArray[np.float32]])
assert_type(index.search_range([[0.0]], 0.5)[0], NDArray[np.int64])
assert_type(index.add([[0.0]], [7], replace=True), wgvq.Added)
with wgvq.Index.open("base.wgvqi", device="cpu") as opened:
    assert_type(opened, wgvq.Index)
index.search([[0.0]], k="three")  # type: ignore[arg-type]
wgvq.from_spec("RQ8x8", beam=16).save("model.safetensors", overwrite=True)
wgvq.KMeans(clusters=8)  # type: ignore[call-arg]
wgvq.ResidualQuantizer(beam="wide")  # type: ignore[arg-type]
