#!/usr/bin/env python3
"""Training of one codebook by NSVQ: wgvq on the CPU against PyTorch with as many threads, steps per second.

    cargo build --release
    python3 benches/peers/torch_nsvq.py [--threads 2] [--repeat 5] [--data DATA.npy]

Both draw a batch of random rows, find the nearest codewords, substitute noise, go back through it and take a step of
Adam; nothing is read back until the end. The two take turns in one run; the medians are compared. Needs PyTorch.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

import numpy as np
import torch

from common import BINARY, append_ratio, read_vectors, table, wgvq

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--binary", default=BINARY)
parser.add_argument("--data", help="vectors; 50,000 x 128 normal numbers if not given")
parser.add_argument("--codewords", type=int, default=1024)
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("--ratios", metavar="FILE", help="append the ratio there, for run_all.sh")
args = parser.parse_args()

torch.set_num_threads(args.threads)


def train(x):
    """Steps per second of PyTorch, and the loss of the last one per vector."""
    torch.manual_seed(0)
    codebook = x[torch.randperm(len(x))[: args.codewords]].clone().requires_grad_()
    optimizer = torch.optim.Adam([codebook], lr=0.02)
    begin = time.perf_counter()
    for _ in range(args.steps):
        batch = x[torch.randint(len(x), (args.batch,))]
        with torch.no_grad():
            half_norms = codebook.square().sum(1) / 2
            codes = torch.addmm(half_norms, batch, codebook.T, alpha=-1).argmin(1)
        error = (batch - codebook[codes]).norm(dim=1, keepdim=True)
        noise = torch.randn_like(batch)
        output = batch + error * noise / (noise.norm(dim=1, keepdim=True) + 1e-12)
        loss = torch.nn.functional.mse_loss(output, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - begin
    return args.steps / seconds, loss.item() * x.shape[1]


x = read_vectors(args.data) if args.data else np.random.default_rng(0).standard_normal((50_000, 128), np.float32)
x = (x - x.mean(0)) / x.std()
with tempfile.TemporaryDirectory() as folder:
    data, model = pathlib.Path(folder, "x.npy"), pathlib.Path(folder, "model.safetensors")
    np.save(data, x)
    rates = {"wgvq": [], "PyTorch": []}
    losses = {}
    for _ in range(args.repeat):
        report = wgvq(
            args.binary, "train", data, "--spec", f"VQ{args.codewords}", "--trainer", "nsvq", "--steps", args.steps,
            "--batch", args.batch, "--schedule", "constant", "--device", "cpu", "--threads", args.threads,
            "-o", model, "--force", "-q",
        )  # fmt: skip
        rates["wgvq"].append(report["steps_per_second"])
        losses["wgvq"] = report["mse"]
        rate, losses["PyTorch"] = train(torch.from_numpy(x))
        rates["PyTorch"].append(rate)
medians = {name: statistics.median(values) for name, values in rates.items()}
print(f"NSVQ, K = {args.codewords}, d = {x.shape[1]}, batches of {args.batch}, {args.threads} threads")
table(
    ("", "steps/s", "least", "most", "mse at the end"),
    [(n, f"{medians[n]:.0f}", f"{min(v):.0f}", f"{max(v):.0f}", f"{losses[n]:.3f}") for n, v in rates.items()],
)
what = f"NSVQ, k {args.codewords}, d {x.shape[1]}, batches of {args.batch}"
append_ratio(args.ratios, f"PyTorch {torch.__version__}", what, "steps/s", medians["wgvq"], medians["PyTorch"])
print(f"ratio {medians['wgvq'] / medians['PyTorch']:.2f}")
