#!/usr/bin/env python3
"""Index files between wgvq and FAISS, both ways: `wgvq convert` against faiss-cpu.

    python3 -m pip install numpy faiss-cpu
    cargo build --release && python3 benches/peers/faiss_files.py [--binary FILE] [--million]

1. Ours: models and codes of each kind become an index that FAISS reads. It decodes to what `wgvq decode` writes, bit by bit or, behind a
   rotation, within rounding, and its search finds what `wgvq search` finds. The way back gives the same tensors and codes.
2. Theirs: indexes that FAISS trained become a model and codes. They decode to what FAISS decodes, its search is found again, and the way
   back gives the bytes that FAISS wrote (without the norms that follow from codes).
3. Indexes of lists, the same both ways: FAISS finds what `wgvq index search` finds in as many lists.
4. With --million, a million random codes of each kind go there, back and there again, the same bytes each time.

Neighbours are compared by their float64 distances to the decoded vectors: two lists may differ where these are equal to f32's rounding.
Exit status 1 if anything differs.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import faiss
import numpy as np
from common import BINARY, ROOT, read_neighbours

OURS = ["VQ64", "PQ1x6", "PQ8x4", "PQ16x6", "OPQ8,PQ8x5", "RQ3x5", "RQ1x6+2x4", "OPQ4,RQ2x5", "RR,RQ2x5", "PRQ2x2x5", "LSQ3x4", "PLSQ2x2x4", "RR,PQ8x4"]
THEIRS = ["PQ1x8", "PQ8x8", "PQ16x5", "OPQ8,PQ8x6", "RR384,PQ8x4", "RQ3x5", "RQ2x6_Nfloat", "RQ2x6_Nqint8", "RR384,RQ2x4", "PRQ2x2x5", "LSQ2x5", "PLSQ2x2x4", "SQ8", "SQ4", "SQ6", "OPQ8,SQ8", "Flat"]
LISTS_OURS = [("IVF16,PQ16x4", "l2"), ("IVF16,PQ16x4", "ip"), ("IVF16,PQ16x4", "cosine"), ("IVF16,PQ8x6", "l2"), ("IVF16,OPQ8,PQ8x5", "l2"), ("IVF8,RR,PQ8x4", "cosine"), ("IVF8,RQ2x5", "l2"), ("IVF8,PRQ2x2x4", "l2"), ("IVF8,LSQ2x4", "l2"), ("PQ16x4", "l2")]
LISTS_THEIRS = [("IVF16,PQ16x4", "l2"), ("IVF16,PQ16x4", "ip"), ("L2norm,IVF16,PQ16x4", "l2"), ("IVF16,PQ8x8", "l2"), ("OPQ8,IVF16,PQ8x6", "l2"), ("RR384,IVF16,PQ8x4", "l2"), ("IVF16,SQ8", "l2"), ("IVF8,SQ4", "l2"), ("IVF8,RQ2x5", "l2"), ("IVF8,PRQ2x2x4", "l2"), ("IVF8,LSQ2x4", "l2"), ("IVF8,PLSQ2x2x4", "l2")]
PROBES = 4
MILLION = ["VQ64", "PQ8x8", "PQ16x5", "OPQ8,PQ8x6", "RQ3x5", "PRQ2x2x5", "LSQ3x4", "PLSQ2x2x4", "RR,PQ8x4"]
K = 10

# Vectors that FAISS trains on: enough for files, not for good ones.
TRAIN = 2000


class Check:
    def __init__(self, binary, folder, base, queries):
        self.binary, self.folder, self.base, self.queries, self.failed = binary, folder, base, queries, 0
        self.x = np.load(base).astype("f4")
        self.q = np.load(queries).astype("f4")

    def path(self, name):
        return str(self.folder / name)

    def run(self, *arguments):
        done = subprocess.run([str(self.binary), *arguments, "--force", "-q", "--device", "cpu"], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"wgvq {' '.join(arguments)}: {done.stderr.strip()}")

    def say(self, what, spec, **facts):
        bad = [name for name, fine in facts.items() if fine is False]
        self.failed += len(bad)
        print(f"{what:<8}{spec:<24}", "ok" if not bad else "DIFFERS: " + ", ".join(bad), flush=True)

    def decode(self, model, codes):
        self.run("decode", self.path(codes), "-m", self.path(model), "-o", self.path("decoded.npy"))
        return np.load(self.path("decoded.npy"))

    def same(self, ours, theirs, rotated):
        """Equal, or behind a rotation within the rounding of sums over d."""
        if not rotated:
            return bool(np.array_equal(ours, theirs))
        bound = 4 * ours.shape[1] * np.finfo("f4").eps * np.abs(theirs).max()
        return bool(np.abs(ours - theirs).max() <= bound)

    def same_neighbours(self, index, model, codes, decoded):
        self.run("search", self.queries, "--codes", self.path(codes), "-m", self.path(model), "-k", str(K), "-o", self.path("found.ivecs"))
        ours, theirs = read_neighbours(self.path("found.ivecs")), index.search(self.q, K)[1]
        exact = lambda ids: ((self.q[:, None].astype("f8") - decoded[ids].astype("f8")) ** 2).sum(2)
        a, b = exact(ours), exact(theirs)
        # Sums of squares in f32, of vectors that far from the origin, in tables of a few more terms.
        scale = (np.abs(self.q).max() + np.abs(decoded).max()) ** 2 * self.q.shape[1]
        return bool(np.abs(a - b).max() <= 64 * np.finfo("f4").eps * scale)


def tensors(path):
    content = pathlib.Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__")
    return {name: (t["shape"], content[8 + size + t["data_offsets"][0] : 8 + size + t["data_offsets"][1]]) for name, t in header.items()}


def ours(check):
    for spec in OURS:
        check.run("train", check.base, "--spec", spec, "--seed", "1", "--iters", "5", "-o", check.path("m.safetensors"))
        check.run("encode", check.base, "-m", check.path("m.safetensors"), "-o", check.path("c.npy"))
        check.run("convert", check.path("m.safetensors"), check.path("c.npy"), "-o", check.path("i.faiss"))
        check.run("convert", check.path("i.faiss"), "-o", check.path("back.safetensors"), "--codes", check.path("back.npy"))
        index = faiss.read_index(check.path("i.faiss"))
        decoded = check.decode("m.safetensors", "c.npy")
        check.say(
            "ours",
            spec,
            decoded=check.same(decoded, index.reconstruct_n(0, index.ntotal), "," in spec),
            neighbours=check.same_neighbours(index, "m.safetensors", "c.npy", decoded),
            tensors=tensors(check.path("m.safetensors")) == tensors(check.path("back.safetensors")),
            codes=pathlib.Path(check.path("c.npy")).read_bytes() == pathlib.Path(check.path("back.npy")).read_bytes(),
            written=written(index, check.path("i.faiss")),
        )


def written(index, path):
    """Whether FAISS writes the bytes that it read."""
    return faiss.serialize_index(index).tobytes() == pathlib.Path(path).read_bytes()


def theirs(check):
    for spec in THEIRS:
        index = faiss.index_factory(check.x.shape[1], spec)
        index.train(check.x[:TRAIN])
        index.add(check.x if spec != "Flat" else check.x[:100])
        faiss.write_index(index, check.path("i.faiss"))
        if spec == "Flat":
            check.run("convert", check.path("i.faiss"), "-o", check.path("m.safetensors"))
            check.run("convert", check.path("m.safetensors"), "-o", check.path("again.faiss"))
            check.run("encode", check.queries, "-m", check.path("m.safetensors"), "-o", check.path("c.npy"))
            nearest = np.array_equal(np.load(check.path("c.npy"))[:, 0], index.search(check.q, 1)[1][:, 0])
            check.say("theirs", spec, nearest=nearest, bytes=written(index, check.path("again.faiss")))
            continue
        check.run("convert", check.path("i.faiss"), "-o", check.path("m.safetensors"), "--codes", check.path("c.wgvq"))
        check.run("convert", check.path("m.safetensors"), check.path("c.wgvq"), "-o", check.path("again.faiss"))
        decoded = check.decode("m.safetensors", "c.wgvq")
        again = faiss.read_index(check.path("again.faiss"))
        check.say(
            "theirs",
            spec,
            decoded=check.same(decoded, index.reconstruct_n(0, index.ntotal), "," in spec),
            neighbours=check.same_neighbours(index, "m.safetensors", "c.wgvq", decoded),
            again=bool(np.array_equal(again.reconstruct_n(0, again.ntotal), index.reconstruct_n(0, index.ntotal))),
            bytes=written(index, check.path("again.faiss")) or "_N" in spec,
        )


def rounded(index, q):
    """By how much two distances may be out of order where tables of codes of 4 bits are rounded: by half a step for each of M parts and the list."""
    ivf = faiss.downcast_index(faiss.extract_index_ivf(index))
    if not isinstance(ivf, faiss.IndexIVFPQ) or ivf.pq.nbits != 4:
        return 0.0
    chain = [index.chain.at(i) for i in range(index.chain.size())] if isinstance(index, faiss.IndexPreTransform) else []
    for transform in chain:
        q = faiss.downcast_VectorTransform(transform).apply(q)
    of_lists = ivf.by_residual and ivf.metric_type == faiss.METRIC_L2
    q = q[:, None] - ivf.quantizer.reconstruct_n(0, ivf.nlist) if of_lists else q[:, None]
    parts = q.reshape(*q.shape[:2], ivf.pq.M, 1, -1)
    codewords = faiss.vector_to_array(ivf.pq.centroids).reshape(ivf.pq.M, 16, -1)
    widest = 0.0
    for query in parts:
        table = (query * codewords).sum(-1) if ivf.metric_type == faiss.METRIC_INNER_PRODUCT else ((query - codewords) ** 2).sum(-1)
        widest = max(widest, np.ptp(table, axis=-1).max())
    return (ivf.pq.M + 1) * widest / 255


def same_in_lists(check, index, folder, metric):
    check.run("index", "search", check.path(folder), check.queries, "-k", str(K), "--nprobe", str(PROBES), "-o", check.path("found.npy"))
    faiss.extract_index_ivf(index).nprobe = PROBES
    ours, theirs = np.load(check.path("found.npy")), index.search(check.q, K)[1]
    faiss.extract_index_ivf(index).make_direct_map()
    decoded, q = index.reconstruct_n(0, index.ntotal).astype("f8"), check.q.astype("f8")
    if metric == "cosine":
        q /= np.linalg.norm(q, axis=1, keepdims=True)
    if metric == "ip":
        exact = lambda ids: -(q[:, None] * decoded[ids]).sum(2)
    else:
        exact = lambda ids: ((q[:, None] - decoded[ids]) ** 2).sum(2)
    scale = (np.abs(q).max() + np.abs(decoded).max()) ** 2 * q.shape[1]
    bound = 64 * np.finfo("f4").eps * scale + rounded(index, check.q)
    return bool(np.abs(exact(ours) - exact(theirs)).max() <= bound)


def lists(check):
    for spec, metric in LISTS_OURS:
        check.run("index", "build", check.base, "--spec", spec, "--metric", metric, "--refine", "none", "--set", "iters=5", "-o", check.path("i.wgvqi"))
        check.run("convert", check.path("i.wgvqi"), "-o", check.path("i.faiss"))
        check.run("convert", check.path("i.faiss"), "-o", check.path("back.wgvqi"))
        check.run("convert", check.path("back.wgvqi"), "-o", check.path("again.faiss"))
        index = faiss.read_index(check.path("i.faiss"))
        check.say(
            "ours",
            f"{spec} {metric}",
            written=written(index, check.path("i.faiss")),
            again=written(index, check.path("again.faiss")),
            neighbours=same_in_lists(check, index, "i.wgvqi", metric),
            back=same_in_lists(check, faiss.read_index(check.path("i.faiss")), "back.wgvqi", metric),
        )
    for spec, metric in LISTS_THEIRS:
        index = faiss.index_factory(check.x.shape[1], spec, faiss.METRIC_INNER_PRODUCT if metric == "ip" else faiss.METRIC_L2)
        index.train(check.x[:TRAIN])
        index.add(check.x)
        faiss.write_index(index, check.path("i.faiss"))
        check.run("convert", check.path("i.faiss"), "-o", check.path("i.wgvqi"))
        check.run("convert", check.path("i.wgvqi"), "-o", check.path("again.faiss"))
        check.say(
            "theirs",
            f"{spec} {metric}",
            bytes=written(index, check.path("again.faiss")),
            neighbours=same_in_lists(check, index, "i.wgvqi", "cosine" if "L2norm" in spec else metric),
        )


def million_in_lists(check):
    rng = np.random.default_rng(0)
    index = faiss.index_factory(32, "IVF1024,PQ16x4")
    index.train(rng.normal(size=(40_000, 32)).astype("f4"))
    ids = rng.permutation(1_000_000).astype("i8") + (1 << 40)
    codes = rng.integers(0, 256, (1_000_000, index.code_size), dtype="u1")
    of_lists = np.split(np.arange(1_000_000), np.sort(rng.integers(0, 1_000_000, 1023)))
    for number, rows in enumerate(of_lists):
        if len(rows) > 0:
            own, theirs = ids[rows], codes[rows]
            index.invlists.add_entries(number, len(rows), faiss.swig_ptr(own), faiss.swig_ptr(theirs))
    index.ntotal = 1_000_000
    faiss.write_index(index, check.path("i.faiss"))
    start = time.time()
    check.run("convert", check.path("i.faiss"), "-o", check.path("i.wgvqi"))
    there = time.time()
    check.run("convert", check.path("i.wgvqi"), "-o", check.path("again.faiss"))
    back = time.time()
    read = lambda name: pathlib.Path(check.path(name)).read_bytes()
    check.say("million", "IVF1024,PQ16x4", bytes=read("again.faiss") == read("i.faiss"))
    print(f"        {len(read('i.faiss')):,} bytes, {there - start:.2f} s to an index, {back - there:.2f} s back", flush=True)


def million(check):
    rng = np.random.default_rng(0)
    for spec in MILLION:
        check.run("train", check.base, "--spec", spec, "--iters", "1", "--sample", "4", "-o", check.path("m.safetensors"))
        sizes = [shape[0] for name, (shape, _) in tensors(check.path("m.safetensors")).items() if name.startswith("codebook.")]
        codes = np.stack([rng.integers(0, size, 1_000_000, dtype="u1") for size in sizes], axis=1)
        np.save(check.path("c.npy"), codes)
        start = time.time()
        check.run("convert", check.path("m.safetensors"), check.path("c.npy"), "-o", check.path("i.faiss"))
        there = time.time()
        check.run("convert", check.path("i.faiss"), "-o", check.path("back.safetensors"), "--codes", check.path("back.npy"))
        back = time.time()
        check.run("convert", check.path("back.safetensors"), check.path("back.npy"), "-o", check.path("again.faiss"))
        read = lambda name: pathlib.Path(check.path(name)).read_bytes()
        check.say(
            "million",
            spec,
            tensors=tensors(check.path("m.safetensors")) == tensors(check.path("back.safetensors")),
            codes=bool(np.array_equal(np.load(check.path("back.npy")), codes)),
            again=read("again.faiss") == read("i.faiss"),
            written=written(faiss.read_index(check.path("i.faiss")), check.path("i.faiss")),
        )
        print(f"        {len(read('i.faiss')):,} bytes, {there - start:.2f} s there, {back - there:.2f} s back", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, default=BINARY)
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    faiss.cvar.distance_compute_blas_threshold = 1 << 30
    with tempfile.TemporaryDirectory() as folder:
        check = Check(options.binary.resolve(), pathlib.Path(folder), str(ROOT / "data/wordnet.npy"), str(ROOT / "data/wordnet_queries.npy"))
        ours(check)
        theirs(check)
        lists(check)
        if options.million:
            million(check)
            million_in_lists(check)
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
