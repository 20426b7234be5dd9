#!/usr/bin/env python3
"""The nearest codeword of every row on the CPU: wgvq against FAISS's IndexFlatL2.search(x, 1).

    python3 -m pip install numpy faiss-cpu
    cargo build --release && python3 benches/peers/faiss_assign.py [--threads 2] [--rounds 5] [--at-least 1.0]

The two take turns, so that a noisy machine slows both. Exit status 1 if wgvq's throughput is below `--at-least`
times FAISS's at any shape.
"""

import argparse
import time

SHAPES = [(100_000, 128, 256), (100_000, 128, 1024), (20_000, 384, 1024), (200_000, 16, 256)]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", nargs="?", help="default: target/release/wgvq")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5, help="turns each takes per shape")
parser.add_argument("--repeat", type=int, default=5, help="timed runs per turn, after one untimed")
parser.add_argument("--at-least", type=float, default=1.0, metavar="RATIO")
parser.add_argument("--ratios", metavar="FILE", help="append the ratios there, for run_all.sh")
args = parser.parse_args()

import blas

# FAISS reads it when it is loaded.
products = blas.set_up(args.threads)
import faiss
import numpy as np

from common import BINARY, append_ratio, gflops, table, wgvq


def time_wgvq(n, d, k):
    document = wgvq(
        args.binary or BINARY, "bench", "--device", "cpu", "--threads", args.threads, "--only", "assign",
        "--shape", f"{n},{d},{k}", "--repeat", args.repeat,
    )
    (result,) = (r for r in document["results"] if r["name"] == "assign")
    assert (result["n"], result["d"], result["k"]) == (n, d, k), f"another shape was timed: {result}"
    return result["seconds"]


def time_faiss(index, x):
    index.search(x, 1)
    seconds = []
    for _ in range(args.repeat):
        begin = time.perf_counter()
        index.search(x, 1)
        seconds.append(time.perf_counter() - begin)
    return seconds


faiss.omp_set_num_threads(args.threads)
rows, ratios = [], []
for n, d, k in SHAPES:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), np.float32)
    index = faiss.IndexFlatL2(d)
    index.add(rng.standard_normal((k, d), np.float32))
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours += time_wgvq(n, d, k)
        theirs += time_faiss(index, x)
    speed, peer = gflops(n, d, k, ours), gflops(n, d, k, theirs)
    ratios.append(speed / peer)
    append_ratio(args.ratios, f"FAISS {faiss.__version__}", f"assign {n} x {d}, k {k}", "GFLOP/s", speed, peer)
    rows.append((n, d, k, f"{speed:.0f}", f"{peer:.0f}", f"{ratios[-1]:.2f}"))

table(("n", "d", "k", "wgvq GFLOP/s", "FAISS GFLOP/s", "ratio"), rows)
print(f"medians of {args.rounds * args.repeat} runs each, {args.threads} threads, FAISS {faiss.__version__}, {products}")
if min(ratios) < args.at_least:
    raise SystemExit(f"the ratio {min(ratios):.2f} is below {args.at_least}")
