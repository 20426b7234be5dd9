"""Vector quantization on every GPU, and on the CPU where there is none.

Quantizers are estimators that follow scikit-learn, which need not be installed::

    import numpy as np, wgvq
    x = np.load("vectors.npy")
    quantizer = wgvq.ProductQuantizer(parts=16, bits=8).fit(x)
    codes = quantizer.transform(x)                 # (n, 16), uint8
    back = quantizer.inverse_transform(codes)      # (n, d), float32

An index on disk finds the nearest of many vectors by their codes::

    index = wgvq.Index.build("base.wgvqi", x, spec="IVF256,PQ64x4", recall=.95)
    ids, distances = index.search(x[:5], k=10)     # (5, 10), uint64 and float32

`from_spec` makes a quantizer of any kind, by the name that the command line has for it. `kinds` is the table of all of
them with everything that they can be told, `devices` the list of what they can run on.
"""

import os

# A layer of Mesa's looks for a Wayland session, and complains on stderr where there is none. It decides nothing for us.
if "XDG_RUNTIME_DIR" not in os.environ:
    os.environ.setdefault("NODEVICE_SELECT", "1")

from ._estimator import NotFittedError
from ._index import Added, Index
from ._quantizers import (
    AdditiveQuantizer,
    KMeans,
    LatticeQuantizer,
    LocalSearchQuantizer,
    OptimizedProductQuantizer,
    ProductQuantizer,
    ProductResidualQuantizer,
    Quantizer,
    ResidualQuantizer,
    RotatedBitsQuantizer,
    ScalarQuantizer,
    SpaceFillingQuantizer,
    VectorQuantizer,
    from_spec,
    load,
)
from ._wgvq import DeviceError, FitSums, RefitSums, __version__, devices, kinds, settings, trainers

__all__ = [
    "Added",
    "AdditiveQuantizer",
    "DeviceError",
    "FitSums",
    "Index",
    "KMeans",
    "LatticeQuantizer",
    "LocalSearchQuantizer",
    "NotFittedError",
    "OptimizedProductQuantizer",
    "ProductQuantizer",
    "ProductResidualQuantizer",
    "Quantizer",
    "RefitSums",
    "ResidualQuantizer",
    "RotatedBitsQuantizer",
    "ScalarQuantizer",
    "SpaceFillingQuantizer",
    "VectorQuantizer",
    "__version__",
    "devices",
    "from_spec",
    "kinds",
    "load",
    "settings",
    "trainers",
]
