"""Trains a quantizer and encodes with it on a cluster of Ray, three times: on one node, on two, and on two of which a worker is
killed in the middle. The models and the codes are the same, byte for byte.

    pip install wgvq "ray[data]"
    python examples/python/ray_encode.py [--vectors 200000] [--spec PQ8x8] [--passes 2]

The nodes are processes of this machine, with one CPU each, which end with the script. On a cluster that is there already,
`ray.init()` takes the place of `Nodes`, and the paths are those of storage that all its machines read.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import wgvq
import wgvq.ray

DIMENSIONS = 64
ROWS_OF_A_FILE = 50_000
ROWS_OF_A_BLOCK = 12_500


def write_vectors(folder, n):
    """Writes n vectors about 300 centres, with their ids, into Parquet files."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, DIMENSIONS)).astype(np.float32)
    for first in range(0, n, ROWS_OF_A_FILE):
        rows = min(ROWS_OF_A_FILE, n - first)
        vectors = centres[rng.integers(300, size=rows)] + 0.3 * rng.normal(size=(rows, DIMENSIONS)).astype(np.float32)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), DIMENSIONS)
        table = pa.table({"id": np.arange(first, first + rows), "vector": column})
        pq.write_table(table, folder / f"{first:09}.parquet", row_group_size=ROWS_OF_A_BLOCK)


class Nodes:
    """Nodes of a cluster on this machine's own address, one CPU each."""

    def __init__(self, count):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.processes = [self.start("--head", f"--port={port}", "--include-dashboard=false")]
        self.wait(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        self.processes += [self.start(f"--address={self.address}") for _ in range(count - 1)]
        ray.init(address=self.address, _node_ip_address="127.0.0.1", log_to_driver=False, logging_level="error")
        self.wait(lambda: self.check(count))

    @staticmethod
    def start(*arguments):
        command = [os.path.join(os.path.dirname(sys.executable), "ray"), "start", *arguments]
        # A node that Ray thinks has two CPUs can read and encode at once.
        command += ["--num-cpus=2", f"--object-store-memory={400 << 20}", "--node-ip-address=127.0.0.1", "--block"]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return subprocess.Popen(command, env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}, **quiet)

    @staticmethod
    def check(count):
        if sum(node["Alive"] for node in ray.nodes()) < count:
            raise OSError("not all nodes are there yet")

    @staticmethod
    def wait(attempt, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                return attempt()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ray.shutdown()
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def kill_a_worker(task, killed):
    """Kills the first worker that is seen at the task."""
    while not killed.is_set():
        found = subprocess.run(["pgrep", "-f", f"^ray::{task}"], capture_output=True, text=True).stdout.split()
        if found:
            os.kill(int(found[0]), signal.SIGKILL)
            killed.set()
        time.sleep(0.05)


def digest(folder):
    """A hash of the codes and ids of all files, by ids, as Ray writes blocks as they come."""
    table = pa.concat_tables(pq.read_table(path) for path in folder.glob("*.parquet")).sort_by("id")
    codes = table["codes"].combine_chunks().flatten().to_numpy()
    return hashlib.sha256(codes.tobytes() + table["id"].to_numpy().tobytes()).hexdigest(), len(table)


def run(name, nodes, kill, options, folder):
    with Nodes(nodes):
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        killed = threading.Event()
        if kill:
            threading.Thread(target=kill_a_worker, args=("_refit_sums", killed), daemon=True).start()
        start = time.perf_counter()
        quantizer = wgvq.from_spec(options.spec, random_state=0, device="cpu", threads=1)
        wgvq.ray.fit(quantizer, folder / "vectors", column="vector", passes=options.passes)
        trained = time.perf_counter()
        out = folder / name.replace(" ", "_")
        data = ray.data.read_parquet(str(folder / "vectors"))
        encode = wgvq.ray.Encode(quantizer, column="vector")
        data.map_batches(encode, batch_format="pyarrow", batch_size=ROWS_OF_A_BLOCK, num_cpus=1).write_parquet(str(out))
        end = time.perf_counter()
        if kill and not killed.is_set():
            raise SystemExit("no worker was seen to be killed: take more vectors")
        killed.set()
    path = folder / f"{out.name}.safetensors"
    quantizer.save(path)
    codes, rows = digest(out)
    model = hashlib.sha256(path.read_bytes()).hexdigest()
    print(
        f"{name:28} trained in {trained - start:5.1f} s, encoded {rows / (end - trained):9,.0f} vectors/s   "
        f"model {model[:12]} codes {codes[:12]}",
        flush=True,
    )
    return model, codes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--spec", default="PQ8x8")
    parser.add_argument("--passes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_vectors(folder / "vectors", options.vectors)
        found = {
            run("one node", 1, False, options, folder),
            run("two nodes", 2, False, options, folder),
            run("two nodes, a worker killed", 2, True, options, folder),
        }
    if len(found) > 1:
        sys.exit("the models or the codes differ")
    print("three times the same model and the same codes")


if __name__ == "__main__":
    main()
