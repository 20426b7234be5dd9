"""FAISS's matrix products at their fastest. Imported before FAISS and numpy, as their libraries read this when they are loaded."""

import os
import subprocess
import sys

# Kinds of processor that OpenBLAS has products for. Left to itself it knows no processor that is newer than it is, and what
# the environment says may be older still.
CORES = (None, "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids")

# Those that took this many times the fastest's time in the first turn take no further ones.
FAR = 2
TURNS = 3

# The fewest seconds of a search that is little else than a product.
PROBE = """
import sys, time, faiss, numpy as np
faiss.omp_set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
index = faiss.IndexFlatL2(128)
index.add(rng.standard_normal((1024, 128), np.float32))
x = rng.standard_normal((20_000, 128), np.float32)
def search():
    begin = time.perf_counter()
    index.search(x, 1)
    return time.perf_counter() - begin
print(min(search() for _ in range(8)))
"""


def environment(threads, core):
    """That of a process whose FAISS has so many threads, and products for `core`."""
    variables = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    variables.pop("OPENBLAS_CORETYPE", None)
    return variables if core is None else variables | {"OPENBLAS_CORETYPE": core}


def seconds(threads, core):
    """Of the probe; endless if this processor does not run products for `core`."""
    command = [sys.executable, "-c", PROBE, str(threads)]
    try:
        done = subprocess.run(command, env=environment(threads, core), capture_output=True, text=True, timeout=60)
        return float(done.stdout) if done.returncode == 0 else float("inf")
    except (subprocess.TimeoutExpired, ValueError):
        return float("inf")


def set_up(threads):
    """Gives this process so many threads and the kind of products that is fastest here; says in words which that is."""
    found = {core: seconds(threads, core) for core in CORES}
    near = [core for core in CORES if found[core] < FAR * min(found.values())]
    for _ in range(TURNS - 1):
        for core in near:
            found[core] = min(found[core], seconds(threads, core))
    fastest = min(found, key=found.get)
    if found[fastest] == float("inf"):
        raise SystemExit("FAISS does not run here; install it with: python3 -m pip install numpy faiss-cpu")
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ.update(environment(threads, fastest))
    return f"OpenBLAS for {fastest}" if fastest else "OpenBLAS's own choice"
