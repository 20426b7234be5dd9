#!/usr/bin/env python3
"""The nearest codeword of every row on an NVIDIA GPU with PyTorch: matrix product, then argmin.

    python3 benches/peers/torch_gpu.py [--repeat 20] > torch.json

The shapes are those of `wgvq bench`, and so is the JSON: one record per shape and precision, `seconds` holding every
timed run. f32 has TF32 off; f16 accumulates in f32 but stores its scores, and so chooses, in half precision. The
score is half the squared norm of the codeword minus the product; the (n, k) scores are written to memory, in as few
row blocks as fit there. Without PyTorch or a CUDA device it says so on stderr and exits with status 0.
"""

import argparse
import json
import statistics
import sys
import time

SHAPES = [
    (1_000_000, 128, 1024),
    (100_000, 128, 256),
    (100_000, 384, 1024),
    (200_000, 16, 256),
    (65_536, 128, 65_536),
]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--repeat", type=int, default=20, help="timed runs per shape and precision, after three untimed")
args = parser.parse_args()


def skip(reason):
    print(f"nothing measured: {reason}", file=sys.stderr)
    sys.exit(0)


try:
    import torch
except ImportError:
    skip("PyTorch is not installed")
if not torch.cuda.is_available():
    skip("PyTorch finds no CUDA device")

PRECISIONS = {"f32": (torch.float32, False), "tf32": (torch.float32, True), "f16": (torch.float16, False)}


def assign(x, codebook, half_norms, block):
    return torch.cat([torch.addmm(half_norms, rows, codebook.T, alpha=-1).argmin(1) for rows in x.split(block)])


def measure(n, d, k, precision):
    dtype, torch.backends.cuda.matmul.allow_tf32 = PRECISIONS[precision]
    generator = torch.Generator("cuda").manual_seed(0)
    x = torch.randn(n, d, device="cuda", generator=generator).to(dtype)
    codebook = torch.randn(k, d, device="cuda", generator=generator).to(dtype)
    half_norms = (codebook.float().square().sum(1) / 2).to(dtype)
    free, _ = torch.cuda.mem_get_info()
    block = max(1, min(n, free // 4 // (k * dtype.itemsize)))
    seconds = []
    for run in range(3 + args.repeat):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        assign(x, codebook, half_norms, block)
        torch.cuda.synchronize()
        if run >= 3:
            seconds.append(time.perf_counter() - begin)
    return {
        "name": "assign",
        "precision": precision,
        "n": n,
        "d": d,
        "k": k,
        "blocks": -(-n // block),
        "seconds": seconds,
        "gflops_median": 2 * n * d * k / statistics.median(seconds) / 1e9,
    }


results = []
for shape in SHAPES:
    for precision in PRECISIONS:
        try:
            results.append(measure(*shape, precision))
        except torch.cuda.OutOfMemoryError:
            print(f"{shape} in {precision}: out of memory, left out", file=sys.stderr)
        torch.cuda.empty_cache()
document = {
    "torch": torch.__version__,
    "cuda": torch.version.cuda,
    "device": torch.cuda.get_device_name(),
    "results": results,
}
json.dump(document, sys.stdout, indent=1)
print()
