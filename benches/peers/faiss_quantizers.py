#!/usr/bin/env python3
"""Product, residual and additive quantizers on the CPU: wgvq against FAISS, same rows, bytes and threads.

    python3 -m pip install numpy faiss-cpu
    cargo build --release && python3 benches/peers/faiss_quantizers.py [--specs PQ8x8 RQ8x8] [--all] [--json FILE]

Each spec is trained once per seed on both sides, the base is encoded and decoded, and every query is searched
exhaustively in the decoded base. The two sides take turns and never run at once. FAISS's quantizers are at their
defaults (a beam of 5). The first seed is each side's own default, the next ones count up from there; recall moves by
a few hundredths from seed to seed, so judge it by `--seeds 5` or more. Figures are means over the seeds, encode speeds
medians over the turns. Measure on an idle machine: under other load FAISS has taken several times
as long, which flatters wgvq, so the load found at the start is shown:

- training s: training alone, without reading the file.
- MSE: mean over the base of the squared error, summed in float64 over the decoded files, alike for both.
- encode vectors/s: wgvq's counts reading the base and writing the codes; FAISS's goes from memory to memory.
- 1-recall@R: share of the queries whose true nearest neighbour is among the first R found; wgvq's is that of
  `wgvq search`, FAISS's that of IndexFlatL2 over the decoded base.

`asked` is what wgvq must reach: a multiple of FAISS's figure, for recall a difference. Exit status 1 if one is
missed; 0, after saying so, if a data set is not there.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import tempfile
import time


@dataclasses.dataclass
class Case:
    """A spec, its data, and what is asked beyond FAISS's recall and training time."""

    spec: str
    data: str
    mse: float | None = None  # at most this multiple of FAISS's
    speed: float | None = None  # at least this multiple of FAISS's
    below: str | None = None  # the MSE is below that of our own quantizer of this spec, an earlier case
    in_faiss: bool = True
    turns: float = 1.0  # share of --repeats, where encoding takes long
    extra: bool = False  # only with --all


CASES = [
    Case("PQ8x8", "sift", mse=1.01, speed=5),
    Case("RQ8x8", "sift", mse=1.0, speed=8),
    Case("PRQ2x4x8", "sift", mse=1.01, speed=5),
    Case("LSQ8x8", "sift", mse=1.01, speed=2, turns=0.4),
    Case("AQ8x8", "sift", below="RQ8x8", in_faiss=False, turns=0.4),
    Case("PQ16x8", "minilm"),
    Case("OPQ16,PQ16x8", "minilm", mse=1.01, speed=5, below="PQ16x8"),
    Case("OPQ8,PQ8x8", "sift", extra=True),
    Case("RQ16x8", "minilm", extra=True),
]
# What to train on, what to encode and what to look for.
FILES = {"sift": ("learn.bvecs", "base.bvecs", "query.bvecs"), "minilm": ("base.npy", "base.npy", "query.npy")}
RANKS = (1, 10, 100)
RECALL_WITHIN = 0.01

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--specs", nargs="+", choices=[case.spec for case in CASES], metavar="SPEC",
                    help=f"of {' '.join(case.spec for case in CASES)}; default: all but the last two")
parser.add_argument("--all", action="store_true", help="the last two as well")
parser.add_argument("--data", type=pathlib.Path, help="folder with sift/ and minilm/; default: ../shared/data")
parser.add_argument("--wgvq", help="default: target/release/wgvq")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeats", type=int, default=5, help="turns each takes at encoding; fewer for LSQ and AQ")
parser.add_argument("--seeds", type=int, default=1, help="trainings of each spec to average over")
parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures there")
args = parser.parse_args()
if min(args.threads, args.repeats, args.seeds) < 1:
    parser.error("--threads, --repeats and --seeds are at least 1")

import blas

# FAISS reads it when it is loaded.
products = blas.set_up(args.threads)
import faiss
import numpy as np

from common import BINARY, ROOT, read_neighbours, read_vectors, table, wgvq

faiss.omp_set_num_threads(args.threads)
DATA = args.data or ROOT.parent / "shared/data"


def run(*arguments):
    return wgvq(args.wgvq or BINARY, *arguments, "--device", "cpu", "--threads", args.threads, "--force")


def nearest(base, queries, count):
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(base)
    return index.search(queries, count)[1]


def mse(x, decoded):
    assert x.shape == decoded.shape, f"{decoded.shape} was decoded, {x.shape} encoded"
    return float(np.mean([np.sum((a.astype(np.float64) - b) ** 2) for a, b in zip(x, decoded)]))


class Data:
    """The vectors of one folder and the true nearest neighbour of each query, by FAISS and by `wgvq truth`."""

    def __init__(self, name, folder):
        self.paths = [DATA / name / file for file in FILES[name]]
        self.learn, self.base, self.queries = map(read_vectors, self.paths)
        self.nearest = nearest(self.base, self.queries, 1)[:, 0]
        self.truth = folder / f"{name}.ivecs"
        run("truth", *self.paths[1:], "-k", max(RANKS), "-o", self.truth)
        # Either side may take the other of two equally near rows, but none that is farther.
        ours, theirs = (
            np.sum((self.base[rows].astype(np.float64) - self.queries) ** 2, axis=1)
            for rows in (read_neighbours(self.truth)[:, 0], self.nearest)
        )
        if not np.allclose(ours, theirs, rtol=1e-5):
            raise SystemExit(f"{name}: the nearest neighbours of `wgvq truth` are not those of IndexFlatL2")


class Wgvq:
    def __init__(self, spec, data, folder):
        self.spec, self.data = spec, data
        self.model, self.codes, self.decoded = folder / "model.safetensors", folder / "codes.npy", folder / "x.npy"

    def train(self, seed):
        return run("train", self.data.paths[0], "--spec", self.spec, "--seed", seed, "-o", self.model)["seconds"]

    def encode(self):
        self.encoded = run("encode", self.data.paths[1], "-m", self.model, "-o", self.codes)
        return self.encoded["vectors_per_second"]

    def mse(self):
        run("decode", self.codes, "-m", self.model, "-o", self.decoded)
        measured, reported = mse(self.data.base, read_vectors(self.decoded)), self.encoded["mse"]
        if abs(measured - reported) > 1e-3 * measured:
            raise SystemExit(f"{self.spec}: `wgvq encode` reports an mse of {reported}, its codes have {measured}")
        return measured

    def recall(self):
        found = run(
            "search", self.data.paths[2], "--codes", self.codes, "-m", self.model, "-k", max(RANKS),
            "--truth", self.data.truth, "--recall-at", ",".join(map(str, RANKS)),
        )["recall"]
        return [found[f"1-recall@{rank}"] for rank in RANKS]


class Faiss:
    """The quantizer of a spec, behind a rotation if it is OPQ, with the verbs of `Wgvq`."""

    def __init__(self, spec, data):
        self.spec, self.data = spec, data

    def build(self, seed):
        rotated, name, shape = re.fullmatch(r"(?:OPQ(\d+),)?(PQ|RQ|PRQ|LSQ)([\dx]+)", self.spec).groups()
        kinds = {
            "PQ": faiss.ProductQuantizer, "RQ": faiss.ResidualQuantizer,
            "PRQ": faiss.ProductResidualQuantizer, "LSQ": faiss.LocalSearchQuantizer,
        }
        dim = self.data.base.shape[1]
        self.quantizer = kinds[name](dim, *map(int, shape.split("x")))
        self.rotation = faiss.OPQMatrix(dim, int(rotated)) if rotated else None
        # `seed` counts from FAISS's default. The rotation's start is not seeded from outside.
        if name == "LSQ":
            self.quantizer.random_seed += seed
        elif name == "PRQ":
            for part in range(self.quantizer.nsplits):
                faiss.downcast_AdditiveQuantizer(self.quantizer.subquantizer(part)).cp.seed += seed
        else:
            self.quantizer.cp.seed += seed

    def rotate(self, x):
        return self.rotation.apply(x) if self.rotation else x

    def train(self, seed):
        self.build(seed)
        begin = time.perf_counter()
        if self.rotation:
            self.rotation.train(self.data.learn)
        self.quantizer.train(self.rotate(self.data.learn))
        return time.perf_counter() - begin

    def encode(self):
        begin = time.perf_counter()
        self.codes = self.quantizer.compute_codes(self.rotate(self.data.base))
        return len(self.data.base) / (time.perf_counter() - begin)

    def decode(self):
        decoded = self.quantizer.decode(self.codes)
        return self.rotation.reverse_transform(decoded) if self.rotation else decoded

    def mse(self):
        return mse(self.data.base, self.decode())

    def recall(self):
        hits = nearest(self.decode(), self.data.queries, max(RANKS)) == self.data.nearest[:, None]
        return [float(np.mean(hits[:, :rank].any(axis=1))) for rank in RANKS]


def measure(case, data, folder):
    """Every run of each side, and what it reached: {"training s": …, "MSE": …, "1-recall@1": …, …}."""
    sides = [Wgvq(case.spec, data, folder)] + [Faiss(case.spec, data)] * case.in_faiss
    seen = [{"training s": [], "encode vectors/s": [], "MSE": [], "recall": []} for _ in sides]
    for seed in range(args.seeds):
        turns = max(1, round(case.turns * args.repeats)) if seed == 0 else 1
        for figure, times in (("training s", 1), ("encode vectors/s", turns), ("MSE", 1), ("recall", 1)):
            for _ in range(times):
                for side, found in zip(sides, seen):
                    time.sleep(0.2)  # FAISS's idle threads spin for a while before they sleep.
                    verb = {
                        "training s": lambda: side.train(seed), "encode vectors/s": side.encode,
                        "MSE": side.mse, "recall": side.recall,
                    }[figure]
                    found[figure].append(verb())
    return seen, [
        {
            "training s": statistics.mean(found["training s"]),
            "MSE": statistics.mean(found["MSE"]),
            "encode vectors/s": statistics.median(found["encode vectors/s"]),
            **{f"1-recall@{r}": statistics.mean(v) for r, v in zip(RANKS, zip(*found["recall"]))},
        }
        for found in seen
    ]


def judge(case, ours, theirs, earlier):
    """Per figure: name, wgvq's, the peer's, their ratio or difference, what is asked, and whether it was reached."""
    asked = {"training s": ("≤", 1), "MSE": ("≤", case.mse), "encode vectors/s": ("≥", case.speed)}
    rows = []

    def add(figure, own, peer, value, sign, limit, unit):
        reached = {"≤": value <= limit, "<": value < limit, "≥": value >= limit} if limit is not None else {}
        words = f"{sign} {limit}{unit}" if reached else None
        rows.append(dict(figure=figure, wgvq=own, peer=peer, compared=value, asked=words, ok=reached.get(sign)))

    for figure, own in ours.items():
        if theirs is None:
            rows.append(dict(figure=figure, wgvq=own, peer=None, compared=None, asked=None, ok=None))
        elif figure in asked:
            add(figure, own, theirs[figure], own / theirs[figure], *asked[figure], " ×")
        else:
            # Rounded, so that what is exactly the limit in queries is not lost to the last bit.
            add(figure, own, theirs[figure], round(own - theirs[figure], 9), "≥", -RECALL_WITHIN, "")
    if case.below:
        own, other = ours["MSE"], earlier[case.below]["MSE"]
        add(f"MSE, our {case.below} beside", own, other, own / other, "<", 1, " ×")
    return rows


def show(case, data, rows):
    def number(value):
        return "-" if value is None else f"{value:.0f}" if value >= 1000 else f"{value:.4g}"

    print(f"\n{case.spec} on {case.data}: {len(data.base)} x {data.base.shape[1]}, {len(data.queries)} queries")
    cells = []
    for row in rows:
        compared = "-" if row["compared"] is None else (
            f"{row['compared']:+.3f}" if row["figure"].startswith("1-recall") else f"{row['compared']:.4f}"
        )
        verdict = {True: "ok", False: "MISSED", None: ""}[row["ok"]]
        cells.append(
            (row["figure"], number(row["wgvq"]), number(row["peer"]), compared, row["asked"] or "-", verdict)
        )
    table(("", "wgvq", "FAISS", "compared", "asked", ""), cells)


chosen = [c for c in CASES if (c.spec in args.specs if args.specs else args.all or not c.extra)]
# A quantizer that another one is held against comes along.
needed = {c.spec for c in chosen} | {c.below for c in chosen}
datasets, reached, results, load = {}, {}, [], os.getloadavg()[0]
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for case in (c for c in CASES if c.spec in needed):
        absent = [str(DATA / case.data / file) for file in FILES[case.data] if not (DATA / case.data / file).exists()]
        if absent:
            print(f"{case.spec}: skipped, {absent[0]} is not there; --data names the folder of {case.data}/")
            continue
        if case.data not in datasets:
            datasets[case.data] = Data(case.data, folder)
        data = datasets[case.data]
        runs, (ours, *theirs) = measure(case, data, folder)
        reached[case.spec] = ours
        rows = judge(case, ours, theirs[0] if theirs else None, reached)
        show(case, data, rows)
        runs = dict(zip(("wgvq", "faiss"), runs))
        results.append(dict(spec=case.spec, data=case.data, figures=rows, runs=runs))
        if args.json:
            # After every spec, so that a long comparison that is stopped leaves what it found.
            setup = {name: getattr(args, name) for name in ("threads", "seeds", "repeats")}
            setup |= dict(faiss=faiss.__version__, load=load)
            args.json.write_text(json.dumps({**setup, "results": results}, indent=1) + "\n")

missed = [f"{r['spec']} {row['figure']}" for r in results for row in r["figures"] if row["ok"] is False]
if results:
    print(
        f"\nseeds: {args.seeds}, turns: {args.repeats}, threads: {args.threads}, FAISS {faiss.__version__}, "
        f"{products}, load at the start: {load:.1f}"
    )
if missed:
    raise SystemExit(f"missed: {'; '.join(missed)}")
