#!/usr/bin/env python3
"""The nearest codeword of every row on a GPU, or a software rasteriser: wgvq against burn, which has matmul, then argmin.

    python3 -m pip install numpy
    cargo build --release && cargo build --release --manifest-path benches/peers/burn/Cargo.toml
    python3 benches/peers/burn_assign.py [--rounds 5] [--at-least 1.0]

Both take the adapter that wgpu gives them, and take turns, so that a noisy machine slows both. burn works in f32, as wgvq is told
to. Exit status 1 if wgvq's throughput is below `--at-least` times burn's at any shape.
"""

import argparse
import json
import subprocess

from common import BINARY, ROOT, append_ratio, gflops, table, wgvq

SHAPES = [(20_000, 128, 256), (20_000, 128, 1024), (5_000, 384, 1024)]
BURN = ROOT / "benches/peers/burn/target/release/burn-assign"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", nargs="?", help="default: target/release/wgvq")
parser.add_argument("--burn", default=BURN, help="default: benches/peers/burn/target/release/burn-assign")
parser.add_argument("--device", default="gpu", help="of wgvq")
parser.add_argument("--rounds", type=int, default=5, help="turns each takes per shape")
parser.add_argument("--repeat", type=int, default=3, help="timed runs per turn, after one untimed")
parser.add_argument("--at-least", type=float, default=1.0, metavar="RATIO")
parser.add_argument("--ratios", metavar="FILE", help="append the ratios there, for run_all.sh")
args = parser.parse_args()


def time_wgvq(shape):
    document = wgvq(
        args.binary or BINARY, "bench", "--device", args.device, "--precision", "f32", "--only", "assign",
        "--shape", ",".join(map(str, shape)), "--repeat", args.repeat,
    )
    (result,) = (r for r in document["results"] if r["name"] == "assign")
    return result["seconds"], document["device"]


def time_burn(shape):
    command = [str(a) for a in (args.burn, args.repeat, *shape)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.strip()}")
    return json.loads(done.stdout)["seconds"]


rows, ratios, device = [], [], None
for shape in SHAPES:
    ours, theirs = [], []
    for _ in range(args.rounds):
        seconds, device = time_wgvq(shape)
        ours += seconds
        theirs += time_burn(shape)
    n, d, k = shape
    speed, peer = gflops(n, d, k, ours), gflops(n, d, k, theirs)
    ratios.append(speed / peer)
    append_ratio(args.ratios, "burn", f"assign {n} x {d}, k {k}", "GFLOP/s", speed, peer)
    rows.append((n, d, k, f"{speed:.1f}", f"{peer:.1f}", f"{ratios[-1]:.2f}"))

table(("n", "d", "k", "wgvq GFLOP/s", "burn GFLOP/s", "ratio"), rows)
print(f"medians of {args.rounds * args.repeat} runs each on {device}")
if min(ratios) < args.at_least:
    raise SystemExit(f"the ratio {min(ratios):.2f} is below {args.at_least}")
