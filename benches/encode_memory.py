#!/usr/bin/env python3
"""The resident memory that encoding a large file takes.

    python3 -m pip install numpy
    cargo build --release && python3 benches/encode_memory.py [--gigabytes 4] [--memory 512MiB] [--limit-mb 600]

Writes a .npy of that size (rows of 1024 f32) to a temporary folder, trains a small codebook on its first rows, encodes
the whole file, and reads the highest resident memory of that process from the operating system. The codes of the first
rows must equal those of a file that holds these rows alone. Exit status 1 above `--limit-mb`, in units of 10^6 bytes.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

# Chunks are small because a child's peak starts at what this process itself holds when it starts the child.
DIM, CHUNK = 1024, 10_000

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", nargs="?", help="default: target/release/wgvq")
parser.add_argument("--gigabytes", type=float, default=4)
parser.add_argument("--memory", default="512MiB")
parser.add_argument("--device", default="cpu")
parser.add_argument("--limit-mb", type=float, default=600)
parser.add_argument("--dir", help="where to put the temporary folder")
args = parser.parse_args()
binary = pathlib.Path(args.binary or pathlib.Path(__file__).parent.parent / "target/release/wgvq").resolve()
if not binary.is_file():
    raise SystemExit(f"{binary}: no such program; build it with: cargo build --release")


def wgvq(*arguments):
    """Run wgvq; (seconds, peak resident bytes)."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(a) for a in (binary, *arguments, "--device", args.device)])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"wgvq {arguments[0]}: exit {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - begin, usage.ru_maxrss * unit


def write_rows(path, chunks):
    """A .npy of (chunks · CHUNK, DIM) f32, written a chunk at a time; the same seed, so the same first rows."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (chunks * CHUNK, DIM)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(chunks):
            rng.standard_normal((CHUNK, DIM), np.float32).tofile(file)


chunks = max(1, round(args.gigabytes * 1e9 / (CHUNK * DIM * 4)))
with tempfile.TemporaryDirectory(dir=args.dir) as folder:
    folder = pathlib.Path(folder)
    size = chunks * CHUNK * DIM * 4
    if shutil.disk_usage(folder).free < size * 1.1:
        raise SystemExit(f"{folder}: {size / 1e9:.1f} GB do not fit there; --dir names another place")
    large, first, model = folder / "large.npy", folder / "first.npy", folder / "model.safetensors"
    write_rows(large, chunks)
    write_rows(first, 1)
    wgvq("train", first, "--spec", "VQ256", "--iters", 3, "--seed", 1, "-o", model)
    wgvq("encode", first, "-m", model, "-o", folder / "first.codes.npy")
    seconds, peak = wgvq("encode", large, "-m", model, "-o", folder / "codes.npy", "--memory", args.memory)
    codes = np.load(folder / "codes.npy")
    assert len(codes) == chunks * CHUNK, f"{len(codes)} codes for {chunks * CHUNK} rows"
    assert np.array_equal(codes[:CHUNK], np.load(folder / "first.codes.npy")), "the codes depend on the file's length"

print(
    f"{size / 1e9:.2f} GB encoded with --memory {args.memory} on {args.device}: peak {peak / 1e6:.0f} MB resident, "
    f"{seconds:.1f} s, {chunks * CHUNK / seconds:,.0f} vectors/s, {size / 1e9 / seconds:.2f} GB/s"
)
if peak > args.limit_mb * 1e6:
    raise SystemExit(f"above the limit of {args.limit_mb:.0f} MB")
