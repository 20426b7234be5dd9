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
wgvq.from_spec("RQ8x8", beam=16).save("model.safetensors", overwrite=True)
wgvq.KMeans(clusters=8)  # type: ignore[call-arg]
wgvq.ResidualQuantizer(beam="wide")  # type: ignore[arg-type]
