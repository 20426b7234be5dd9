#!/usr/bin/env python3
"""k-means on the rows of a file: wgvq against FAISS's Clustering, same rows, codewords, iterations and threads.

    python3 -m pip install numpy faiss-cpu
    cargo build --release && python3 benches/peers/faiss_kmeans.py DATA.bvecs [-k 1024] [--iters 25] [--rounds 3]

The two take turns, with one seed per turn. Both codebooks are judged alike: FAISS assigns the rows, and the mean
squared error is summed in float64. The time is that of training alone (`seconds` of `wgvq train --json`); starting
the process, reading the file and writing the model are shown apart. Exit status 1 if wgvq's error is more than
`--mse-within` above FAISS's, or its time longer than FAISS's.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", help=".npy, .bvecs or .fvecs")
parser.add_argument("binary", nargs="?", help="default: target/release/wgvq")
parser.add_argument("-k", type=int, default=1024)
parser.add_argument("--iters", type=int, default=25)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--mse-within", type=float, default=0.01, metavar="SHARE")
args = parser.parse_args()

# FAISS's matrix product has its own pool of threads, whose size is read when it is loaded.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)
import faiss
import numpy as np

from common import BINARY, read_codebook, read_vectors, table, wgvq


def train_wgvq(seed, model):
    """(codebook, training seconds, seconds of the whole process)."""
    begin = time.perf_counter()
    document = wgvq(
        args.binary or BINARY, "train", args.data, "--spec", f"VQ{args.k}", "--iters", args.iters, "--seed", seed,
        "--device", "cpu", "--threads", args.threads, "-o", model, "--force",
    )
    return read_codebook(model), document["seconds"], time.perf_counter() - begin


def train_faiss(seed):
    """(codebook, training seconds): every row used, none drawn out."""
    clustering = faiss.Clustering(dim, args.k)
    clustering.niter, clustering.seed = args.iters, seed
    clustering.max_points_per_centroid = len(x)
    begin = time.perf_counter()
    clustering.train(x, faiss.IndexFlatL2(dim))
    seconds = time.perf_counter() - begin
    return faiss.vector_to_array(clustering.centroids).reshape(args.k, dim), seconds


def mse(codebook):
    index = faiss.IndexFlatL2(dim)
    index.add(codebook)
    nearest = index.search(x, 1)[1][:, 0]
    return np.mean([np.sum((a.astype(np.float64) - b) ** 2) for a, b in zip(x, codebook[nearest])])


faiss.omp_set_num_threads(args.threads)
x = read_vectors(args.data)
dim = x.shape[1]
errors, times, walls = {"wgvq": [], "FAISS": []}, {"wgvq": [], "FAISS": []}, []
with tempfile.TemporaryDirectory() as folder:
    for seed in range(1, args.rounds + 1):
        codebook, seconds, wall = train_wgvq(seed, pathlib.Path(folder) / "model.safetensors")
        errors["wgvq"].append(mse(codebook))
        times["wgvq"].append(seconds)
        walls.append(wall)
        codebook, seconds = train_faiss(seed)
        errors["FAISS"].append(mse(codebook))
        times["FAISS"].append(seconds)

names = ("wgvq", "FAISS")
mean = {name: statistics.mean(errors[name]) for name in names}
median = {name: statistics.median(times[name]) for name in names}
rows = [(name, f"{mean[name]:.6g}", f"{median[name]:.2f}") for name in names]
rows.append(("ratio", f"{mean['wgvq'] / mean['FAISS']:.4f}", f"{median['wgvq'] / median['FAISS']:.2f}"))
table(("", "mse", "seconds"), rows)
print(
    f"{len(x)} x {dim}, K = {args.k}, {args.iters} iterations, {args.rounds} seeds (mean error, median time), "
    f"{args.threads} threads, FAISS {faiss.__version__}; wgvq's whole process: {statistics.median(walls):.2f} s"
)
if mean["wgvq"] > mean["FAISS"] * (1 + args.mse_within):
    raise SystemExit(f"the error is more than {args.mse_within:.1%} above FAISS's")
if median["wgvq"] > median["FAISS"]:
    raise SystemExit("training takes longer than FAISS's")
