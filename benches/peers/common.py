"""What the comparisons share: calling wgvq, reading its files, medians and a table. numpy only."""

import json
import pathlib
import statistics
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/wgvq"


def wgvq(binary, *args):
    """Run wgvq with `--json` and return its document; end the comparison with wgvq's own words if it fails."""
    command = [str(a) for a in (pathlib.Path(binary).resolve(), *args, "--json")]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise SystemExit(f"{binary}: {error.strerror}; build it with: cargo build --release")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.strip()}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise SystemExit(f"{' '.join(command)}: its output is not JSON: {error}")


def read_vectors(path):
    """(n, d) f32 from a .npy, .bvecs or .fvecs file."""
    path = pathlib.Path(path)
    if path.suffix == ".npy":
        return np.ascontiguousarray(np.load(path), dtype=np.float32)
    if path.suffix not in (".bvecs", ".fvecs"):
        raise SystemExit(f"{path}: expected .npy, .bvecs or .fvecs")
    value = np.dtype({".bvecs": np.uint8, ".fvecs": np.float32}[path.suffix])
    dim = int(np.fromfile(path, "<i4", 1)[0])
    record = np.dtype([("dim", "<i4"), ("values", value, dim)])
    return np.fromfile(path, record)["values"].astype(np.float32)


def read_neighbours(path):
    """(n, k) int32: the rows of an .ivecs file."""
    dim = int(np.fromfile(path, "<i4", 1)[0])
    return np.fromfile(path, "<i4").reshape(-1, 1 + dim)[:, 1:]


def read_codebook(path):
    """(k, d) f32: the tensor `codebook.0` of a model file."""
    content = pathlib.Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    tensor = json.loads(content[8 : 8 + size])["codebook.0"]
    begin, end = (8 + size + offset for offset in tensor["data_offsets"])
    return np.frombuffer(content[begin:end], "<f4").reshape(tensor["shape"])


def gflops(n, d, k, seconds):
    """Throughput of `assign`, counted as the n·d·k multiply-adds of its scores, at the median of `seconds`."""
    return 2 * n * d * k / statistics.median(seconds) / 1e9


def append_ratio(path, peer, what, unit, ours, theirs):
    """Append a comparison to the file of `--ratios`, if one was given: a JSON line, where more of the unit is better."""
    if path:
        line = {"peer": peer, "what": what, "unit": unit, "wgvq": ours, "theirs": theirs, "ratio": ours / theirs}
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")


def table(header, rows):
    """Columns as wide as their widest cell, numbers to the right."""
    cells = [[str(c) for c in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
