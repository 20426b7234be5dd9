#!/usr/bin/env python3
"""k-means on the rows of a file: wgvq against FAISS's Clustering and, where it is installed, SuperKMeans; same rows,
codewords, iterations and threads.

    python3 -m pip install numpy faiss-cpu superkmeans
    cargo build --release && python3 benches/peers/kmeans.py DATA.bvecs [-k 64 1024] [--iters 25] [--rounds 3]

They take turns, with one seed per turn. The codebooks are judged alike: FAISS assigns the rows, and the mean squared
error is summed in float64. The time is that of training alone (`seconds` of `wgvq train --json`, which has the start in
it). Exit status 1 if wgvq's error is more than `--mse-within` above FAISS's, or its time longer than a peer's.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", help=".npy, .bvecs or .fvecs")
parser.add_argument("binary", nargs="?", help="default: target/release/wgvq")
parser.add_argument("-k", type=int, nargs="+", default=[1024])
parser.add_argument("--iters", type=int, default=25)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--mse-within", type=float, default=0.01, metavar="SHARE")
parser.add_argument("--ratios", metavar="FILE", help="append the ratios there, for run_all.sh")
args = parser.parse_args()

import blas

# FAISS reads it when it is loaded.
products = blas.set_up(args.threads)
import faiss
import numpy as np

try:
    import superkmeans
except ImportError:
    superkmeans = None

from common import BINARY, append_ratio, read_codebook, read_vectors, table, wgvq


def train_wgvq(k, seed):
    """(codebook, seconds)."""
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.safetensors"
        document = wgvq(
            args.binary or BINARY, "train", args.data, "--spec", f"VQ{k}", "--iters", args.iters, "--seed", seed,
            "--sample", 0, "--tolerance", 0, "--device", "cpu", "--threads", args.threads, "-o", model,
        )
        return read_codebook(model), document["seconds"]


def train_faiss(k, seed):
    """(codebook, seconds): every row used, none drawn out."""
    clustering = faiss.Clustering(dim, k)
    clustering.niter, clustering.seed = args.iters, seed
    clustering.max_points_per_centroid = len(x)
    begin = time.perf_counter()
    clustering.train(x, faiss.IndexFlatL2(dim))
    seconds = time.perf_counter() - begin
    return faiss.vector_to_array(clustering.centroids).reshape(k, dim), seconds


def train_superkmeans(k, seed):
    """(codebook, seconds): every row used, and every iteration run."""
    clustering = superkmeans.SuperKMeans(
        k, dim, hierarchical=False, iters=args.iters, sampling_fraction=1.0, max_points_per_cluster=len(x),
        n_threads=args.threads, seed=seed, early_termination=False,
    )
    begin = time.perf_counter()
    codebook = clustering.train(x)
    return np.asarray(codebook, dtype=np.float32).reshape(k, dim), time.perf_counter() - begin


def mse(codebook):
    index = faiss.IndexFlatL2(dim)
    index.add(codebook)
    nearest = index.search(x, 1)[1][:, 0]
    return np.mean([np.sum((a.astype(np.float64) - b) ** 2) for a, b in zip(x, codebook[nearest])])


TRAINERS = {"wgvq": train_wgvq, "FAISS": train_faiss}
VERSIONS = {"FAISS": faiss.__version__}
if superkmeans:
    TRAINERS["SuperKMeans"] = train_superkmeans
    VERSIONS["SuperKMeans"] = superkmeans.__version__

faiss.omp_set_num_threads(args.threads)
x = read_vectors(args.data)
dim = x.shape[1]
rows, worse, slower = [], [], []
for k in args.k:
    errors, times = {name: [] for name in TRAINERS}, {name: [] for name in TRAINERS}
    for seed in range(1, args.rounds + 1):
        for name, train in TRAINERS.items():
            codebook, seconds = train(k, seed)
            errors[name].append(mse(codebook))
            times[name].append(seconds)
    mean = {name: statistics.mean(values) for name, values in errors.items()}
    median = {name: statistics.median(values) for name, values in times.items()}
    for name in TRAINERS:
        cells = (f"{mean[name]:.6g}", f"{median[name]:.2f}", f"{median[name] / median['wgvq']:.2f}")
        rows.append((k if name == "wgvq" else "", name, *cells))
    for name, version in VERSIONS.items():
        what, rates = f"k-means {len(x)} x {dim}, k {k}", [args.iters / median[side] for side in ("wgvq", name)]
        append_ratio(args.ratios, f"{name} {version}", what, "iterations/s", *rates)
    if mean["wgvq"] > mean["FAISS"] * (1 + args.mse_within):
        worse.append(k)
    if median["wgvq"] > min(median.values()):
        slower.append(k)

table(("K", "", "mse", "seconds", "/ wgvq"), rows)
peers = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
print(
    f"{len(x)} x {dim}, {args.iters} iterations, {args.rounds} seeds (mean error, median time), {args.threads} threads, {peers}, {products}"
)
if worse:
    raise SystemExit(f"K {worse}: the error is more than {args.mse_within:.1%} above FAISS's")
if slower:
    raise SystemExit(f"K {slower}: a peer trains faster")
