#!/usr/bin/env python3
"""Search of wgvq's example `lists` beside FAISS's families, hnswlib and usearch: queries per second along each one's recall.

    cargo build --release --example lists
    benches/peers/lists.py BASE QUERIES [--rounds 3] [--lists 256] [--example target/release/examples/lists]

One thread each, one batch of the second half of the queries, which is what the example measures. All indexes are built first; then
wgvq and the peers take turns, and each point is the median of its rounds. Prints every peer's points, then for each wanted recall the
fastest point of each that reaches it, and wgvq's ratio to it. Peers that are not installed are left out, and named.
"""

import argparse
import os
import statistics
import subprocess
import time

# OpenBLAS chooses its fastest products by itself where neither is set.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)

import numpy as np  # noqa: E402

from common import ROOT, read_vectors  # noqa: E402

WANTED = (0.90, 0.93, 0.95, 0.99)
K = 10
PROBES = (4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
FACTORS = (2, 3, 4, 6, 8, 12)
WIDTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


def faiss_systems(base, lists):
    """A name and, for each point, its settings and a search, of FAISS's families."""
    import faiss

    faiss.omp_set_num_threads(1)
    dim = base.shape[1]
    for spec in (f"IVF{lists},PQ{dim // 2}x4fs,RFlat", f"IVF{lists},PQ{dim // 4}x4fs,RFlat", f"IVF{lists},Flat", f"IVF{lists},SQ8"):
        index = faiss.index_factory(dim, spec)
        index.train(base)
        index.add(base)
        refined = spec.endswith("RFlat")
        inner = faiss.downcast_index(index.base_index) if refined else index

        def point(probes, factor, index=index, inner=inner, refined=refined):
            def search(queries):
                inner.nprobe = probes
                if refined:
                    index.k_factor = factor
                return index.search(queries, K)[1]

            return f"nprobe {probes}" + (f" k_factor {factor}" if refined else ""), search

        yield f"FAISS {spec}", [point(probes, factor) for probes in PROBES for factor in (FACTORS if refined else (1,))]
    graph = faiss.IndexHNSWFlat(dim, 16)
    graph.hnsw.efConstruction = 200
    graph.add(base)

    def wide(width):
        def search(queries):
            graph.hnsw.efSearch = width
            return graph.search(queries, K)[1]

        return f"efSearch {width}", search

    yield "FAISS HNSW16", [wide(width) for width in WIDTHS]


def hnswlib_systems(base, _):
    import hnswlib

    index = hnswlib.Index("l2", base.shape[1])
    index.init_index(len(base), M=16, ef_construction=200)
    index.add_items(base)
    index.set_num_threads(1)

    def wide(width):
        def search(queries):
            index.set_ef(width)
            return index.knn_query(queries, K, num_threads=1)[0]

        return f"ef {width}", search

    yield "hnswlib M16", [wide(width) for width in WIDTHS]


def usearch_systems(base, _):
    from usearch.index import Index

    index = Index(ndim=base.shape[1], metric="l2sq", dtype="f32", connectivity=16, expansion_add=200)
    index.add(np.arange(len(base)), base)

    def wide(width):
        def search(queries):
            index.expansion_search = width
            return index.search(queries, K, threads=1).keys

        return f"expansion {width}", search

    yield "usearch M16", [wide(width) for width in WIDTHS]


def truth_of(base, queries):
    """The ids of the K nearest, by comparing all."""
    norms = (base * base).sum(1)
    near = [np.argpartition(norms - 2 * (base @ query), K)[:K] for query in queries]
    return [set(map(int, ids)) for ids in near]


def recall_of(found, truth):
    return float(np.mean([len(set(map(int, ids)) & true) / K for ids, true in zip(found, truth)]))


def wgvq_points(arguments):
    """(recall, queries per second) of the example's table."""
    command = [arguments.example, arguments.base, arguments.queries, "--lists", str(arguments.lists), "--threads", "1"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split() for line in table[2:]]
    return [(f"probes {row[1]} depth {row[2]}", float(row[4]), float(row[5])) for row in rows if len(row) == 6]


def fastest(points, wanted):
    return max((rate for _, recall, rate in points if recall >= wanted), default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("queries")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lists", type=int, default=256)
    parser.add_argument("--example", default=str(ROOT / "target/release/examples/lists"))
    arguments = parser.parse_args()
    base, queries = read_vectors(arguments.base), read_vectors(arguments.queries)
    queries = np.ascontiguousarray(queries[len(queries) // 2 :])
    truth = truth_of(base, queries)
    systems = {}
    for make in (faiss_systems, hnswlib_systems, usearch_systems):
        try:
            systems.update(make(base, arguments.lists))
        except ImportError as error:
            print(f"left out: {error}")
    seconds = {(name, label): [] for name, points in systems.items() for label, _ in points}
    recalls, rates = {}, {}
    for _ in range(arguments.rounds):
        for label, recall, rate in wgvq_points(arguments):
            recalls["wgvq", label] = recall
            rates.setdefault(("wgvq", label), []).append(rate)
        for name, points in systems.items():
            for label, search in points:
                begin = time.perf_counter()
                found = search(queries)
                seconds[name, label].append(time.perf_counter() - begin)
                recalls[name, label] = recall_of(found, truth)
    rates.update({key: [len(queries) / one for one in own] for key, own in seconds.items()})
    of_system = {}
    for (name, label), own in rates.items():
        of_system.setdefault(name, []).append((label, recalls[name, label], statistics.median(own)))
    for name, points in of_system.items():
        for label, recall, rate in points:
            print(f"{name:32} {label:28} {recall:.4f} {rate:10.0f}")
    print(f"\n{'10-recall@10':32} " + " ".join(f"{wanted:>18}" for wanted in WANTED))
    ours = [fastest(of_system["wgvq"], wanted) for wanted in WANTED]
    for name, points in of_system.items():
        cells = []
        for mine, theirs in zip(ours, (fastest(points, wanted) for wanted in WANTED)):
            ratio = f" ({mine / theirs:.2f})" if mine and theirs and name != "wgvq" else ""
            cells.append(f"{'–' if theirs is None else f'{theirs:.0f}'}{ratio}")
        print(f"{name:32} " + " ".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
