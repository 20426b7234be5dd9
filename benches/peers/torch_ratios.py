#!/usr/bin/env python3
"""wgvq on the GPU beside what torch_gpu.py measured there, exact products in f32 alone, for run_all.sh.

    python3 benches/peers/torch_gpu.py > torch.jsonl
    python3 benches/peers/torch_ratios.py torch.jsonl --ratios FILE [--binary target/release/wgvq]

Times `wgvq bench --device gpu` on the shapes of `assign` and `kmeans` that are there, and takes PyTorch's fastest way.
"""

import argparse
import json
import pathlib

from common import BINARY, append_ratio, wgvq

EXACT = ("f32", "ieee")
ASSIGN = ("eager", "compiled", "triton")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("torch", type=pathlib.Path, help="what torch_gpu.py printed")
parser.add_argument("--ratios", required=True, metavar="FILE")
parser.add_argument("--binary", default=BINARY)
args = parser.parse_args()

lines = [json.loads(line) for line in args.torch.read_text().splitlines()]
version = next((line["torch"] for line in lines if "torch" in line), "")
fastest = {}
for line in lines:
    if line.get("precision") in EXACT and "k" in line:
        key = ("assign" if line["name"] in ASSIGN else line["name"], line["n"], line["d"], line["k"])
        fastest[key] = max(fastest.get(key, 0.0), line["gflops_median"])
for (name, n, d, k), theirs in fastest.items():
    document = wgvq(args.binary, "bench", "--device", "gpu", "--only", name, "--shape", f"{n},{d},{k}")
    (result,) = document["results"]
    what = f"{name} {n} x {d}, k {k}"
    append_ratio(args.ratios, f"PyTorch {version}, GPU", what, "GFLOP/s", result["gflops_median"], theirs)
