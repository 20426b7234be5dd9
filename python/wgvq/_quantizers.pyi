"""Made by scripts/python_stubs.py."""

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._estimator import Estimator

class OneCode(Estimator):
    def predict(self, X: Any) -> NDArray[np.int32]: ...
class KMeans(OneCode):
    labels_: NDArray[np.int32]
    inertia_: float
    n_clusters: int
    init: str | None
    iters: int
    tolerance: float
    restarts: int
    sample: int
    spherical: bool
    metric: str
    mini_batch: int | None
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, n_clusters: int = 8, *, init: str | None = None, iters: int = 25, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, spherical: bool = False, metric: str = 'l2', mini_batch: int | None = None, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
    @property
    def cluster_centers_(self) -> NDArray[np.float32]: ...
    def fit_predict(self, X: Any, y: Any = None) -> NDArray[np.int32]: ...
class VectorQuantizer(OneCode):
    n_codewords: int
    init: str | None
    iters: int
    tolerance: float
    restarts: int
    sample: int
    spherical: bool
    metric: str
    mini_batch: int | None
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, n_codewords: int = 256, *, init: str | None = None, iters: int = 25, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, spherical: bool = False, metric: str = 'l2', mini_batch: int | None = None, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class ScalarQuantizer(Estimator):
    bits: int
    levels: Literal['uniform', 'lloyd-max']
    shared: bool
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, bits: int = 8, *, levels: Literal['uniform', 'lloyd-max'] = 'uniform', shared: bool = False, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class RotatedBitsQuantizer(Estimator):
    bits: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, bits: int = 4, *, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class ProductQuantizer(Estimator):
    parts: int
    bits: int
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, parts: int = 8, bits: int = 8, *, init: str = 'random', iters: int = 25, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class OptimizedProductQuantizer(Estimator):
    parts: int
    bits: int
    rotations: int
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    refine: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, parts: int = 8, bits: int = 8, *, rotations: int = 20, init: str = 'random', iters: int = 25, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, refine: int = 20, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class ResidualQuantizer(Estimator):
    stages: int
    bits: int
    beam: int
    refine: int
    max_error: float | None
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, stages: int = 8, bits: int = 8, *, beam: int = 5, refine: int = 16, max_error: float | None = None, init: str = 'random', iters: int = 10, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class ProductResidualQuantizer(Estimator):
    parts: int
    stages: int
    bits: int
    beam: int
    refine: int
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, parts: int = 2, stages: int = 4, bits: int = 8, *, beam: int = 5, refine: int = 16, init: str = 'random', iters: int = 10, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class AdditiveQuantizer(Estimator):
    codebooks: int
    bits: int
    beam: int
    refine: int
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, codebooks: int = 8, bits: int = 8, *, beam: int = 5, refine: int = 25, init: str = 'random', iters: int = 10, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class LocalSearchQuantizer(Estimator):
    codebooks: int
    bits: int
    beam: int
    refine: int
    local_search: int
    init: str
    iters: int
    tolerance: float
    restarts: int
    sample: int
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, codebooks: int = 8, bits: int = 8, *, beam: int = 5, refine: int = 25, local_search: int = 8, init: str = 'random', iters: int = 10, tolerance: float = 0.0001, restarts: int = 1, sample: int = 256, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class LatticeQuantizer(Estimator):
    lattice: str
    bits: int | None
    scale: float | None
    rate: float
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, lattice: str = 'E8', bits: int | None = None, scale: float | None = None, *, rate: float = 4.0, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class SpaceFillingQuantizer(OneCode):
    bits: int
    position_bits: int | None
    trainer: Literal['nsvq', 'diveq']
    steps: int
    batch: int
    lr: float
    optimizer: Literal['sgd', 'momentum', 'nesterov', 'rmsprop', 'adagrad', 'adam', 'adamw']
    schedule: str
    warm_up: int
    clip: float | None
    replace_every: int
    replace_share: float
    replace_last: int | None
    start_from: Literal['kmeans', 'vectors']
    log_every: int
    deviation: float
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, bits: int = 6, position_bits: int | None = None, trainer: Literal['nsvq', 'diveq'] = 'nsvq', *, steps: int = 20000, batch: int = 1024, lr: float = 0.02, optimizer: Literal['sgd', 'momentum', 'nesterov', 'rmsprop', 'adagrad', 'adam', 'adamw'] = 'adam', schedule: str = 'cosine', warm_up: int = 0, clip: float | None = None, replace_every: int = 500, replace_share: float = 0.01, replace_last: int | None = None, start_from: Literal['kmeans', 'vectors'] = 'kmeans', log_every: int = 100, deviation: float = 0.001, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None) -> None: ...
class Quantizer(Estimator):
    spec: str
    trainer: str | None
    random_state: int | np.random.RandomState | np.random.Generator | None
    device: str
    threads: int | None
    verbose: bool | None
    def __init__(self, spec: str, trainer: str | None = None, *, random_state: int | np.random.RandomState | np.random.Generator | None = 0, device: str = 'auto', threads: int | None = None, verbose: bool | None = None, **settings: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
def from_spec(spec: str, **parameters: Any) -> Quantizer: ...
def load(path: str | os.PathLike[str], *, device: str = 'auto', threads: int | None = None) -> Quantizer: ...
