#!/usr/bin/env python3
"""PyTorch on an NVIDIA GPU: peaks of matrix products, the nearest codeword of every row, a k-means iteration.

    python3 benches/peers/torch_gpu.py [--repeat 7] [--small] > torch.jsonl

One JSON line per measurement, flushed, the shapes of `wgvq bench` first; `seconds` holds every timed run, by device
events where there is a device. Ways to find the nearest codeword:

- eager: matrix product, then argmin; the (n, k) scores are written to memory, in as few row blocks as fit there.
- compiled: the same through torch.compile(mode="max-autotune-no-cudagraphs").
- triton: a fused kernel that keeps the scores in registers; `ieee`, `tf32` or `f16` products, sums in f32.

The score is half the squared norm of the codeword minus the product. `wrong` is the share of codes that are farther
than the nearest codeword by more than f32's rounding, in float64 on 1,000 rows. With TRITON_INTERPRET=1 the Triton
kernels run without a GPU, to rehearse. Without PyTorch or a CUDA device it says so on stderr and exits with status 0.
"""

import argparse
import json
import os
import statistics
import sys
import time

SHAPES = [(1_000_000, 128, 1024), (100_000, 128, 256), (100_000, 384, 1024), (200_000, 16, 256), (65_536, 128, 65_536)]
SHAPES += [(n, d, k) for d in (8, 64, 768) for k in (16, 4096) for n in (1_000, 131_072)]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--repeat", type=int, default=7, help="timed runs per measurement, after three untimed")
parser.add_argument("--small", action="store_true", help="one small shape, on the CPU if there is no GPU")
args = parser.parse_args()
if args.small:
    SHAPES = [(300, 16, 100)]


def skip(reason):
    print(f"nothing measured: {reason}", file=sys.stderr)
    sys.exit(0)


try:
    import torch
except ImportError:
    skip("PyTorch is not installed")
if not torch.cuda.is_available() and not args.small:
    skip("PyTorch finds no CUDA device")
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None


def timed(work):
    """Seconds of each of --repeat runs."""
    for _ in range(3):
        work()
    seconds = []
    for _ in range(args.repeat):
        if GPU:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            work()
            end.record()
            end.synchronize()
            seconds.append(start.elapsed_time(end) / 1e3)
        else:
            begin = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begin)
    return seconds


def emit(name, operations, seconds, **more):
    record = {"name": name, **more, "seconds": seconds}
    record["median_seconds"] = statistics.median(seconds)
    record["gflops_median"] = operations / record["median_seconds"] / 1e9
    print(json.dumps(record), flush=True)


def attempt(what, work):
    """Runs `work`; a failure is a line of its own."""
    try:
        work()
    except Exception as error:  # a peer that does not run is a finding, not the end
        print(json.dumps({"name": what, "error": f"{type(error).__name__}: {error}"[:600]}), flush=True)
    if GPU:
        torch.cuda.empty_cache()


def peak(kind, size):
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    dtype = torch.float16 if kind == "f16" else torch.float32
    a, b = (torch.randn(size, size, device=DEVICE).to(dtype) for _ in range(2))
    emit("matmul", 2 * size**3, timed(lambda: a @ b), precision=kind, n=size)


def copy():
    source = torch.randn(1 << (16 if args.small else 28), device=DEVICE)
    target = torch.empty_like(source)
    seconds = timed(lambda: target.copy_(source))
    emit("copy", 0, seconds, gbs=8 * source.numel() / statistics.median(seconds) / 1e9)


def scores_argmin(rows, codebook, half_norms):
    return torch.addmm(half_norms, rows, codebook.T, alpha=-1).argmin(1)


if triton:

    @triton.jit
    def nearest_kernel(
        x, c, half_norms, codes, n, k, d: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr, PANEL: tl.constexpr,
        PRECISION: tl.constexpr,
    ):
        rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        best = tl.full((ROWS,), float("inf"), tl.float32)
        code = tl.zeros((ROWS,), tl.int32)
        for first in range(0, k, PANEL):
            columns = first + tl.arange(0, PANEL)
            product = tl.zeros((ROWS, PANEL), tl.float32)
            for start in tl.static_range(0, d, D):
                depth = start + tl.arange(0, D)
                inside = depth < d
                xs = tl.load(x + rows[:, None] * d + depth, mask=(rows < n)[:, None] & inside, other=0.0)
                cs = tl.load(c + columns * d + depth[:, None], mask=(columns < k) & inside[:, None], other=0.0)
                product = tl.dot(xs, cs, product, input_precision=PRECISION)
            norm = tl.load(half_norms + columns, mask=columns < k, other=float("inf"))
            score = norm[None, :] - product
            low, at = tl.min(score, 1, return_indices=True)
            better = low < best
            best = tl.where(better, low, best)
            code = tl.where(better, first + at, code)
        tl.store(codes + rows, code, mask=rows < n)


def fused(x, codebook, half_norms, precision, rows=128, panel=64):
    n, d = x.shape
    codes = torch.empty(n, dtype=torch.int32, device=DEVICE)
    depth = min(32 if precision == "ieee" else 64, max(16, triton.next_power_of_2(d)))
    nearest_kernel[(triton.cdiv(n, rows),)](
        x, codebook, half_norms, codes, n, codebook.shape[0], d, depth, rows, panel,
        "tf32" if precision == "f16" else precision, num_warps=8,
    )
    return codes


def wrong(x, codebook, codes):
    rows = x[:1000].double()
    distances = (rows.square().sum(1)[:, None] - 2 * rows @ codebook.double().T) + codebook.double().square().sum(1)
    taken = distances.gather(1, codes[:1000].long()[:, None])[:, 0]
    return float((taken > distances.min(1).values * (1 + 1e-6) + 1e-6).double().mean())


def assign(n, d, k):
    generator = torch.Generator(DEVICE).manual_seed(0)
    x = torch.randn(n, d, device=DEVICE, generator=generator)
    codebook = torch.randn(k, d, device=DEVICE, generator=generator)
    half_norms = codebook.square().sum(1) / 2
    shape, operations = {"n": n, "d": d, "k": k}, 2 * n * d * k
    free = torch.cuda.mem_get_info()[0] if GPU else 1 << 30
    block = max(1, min(n, free // 8 // (k * 4)))

    def report(name, precision, work):
        def run():
            share = wrong(x, codebook, work())
            emit(name, operations, timed(work), precision=precision, wrong=share, **shape)

        attempt(f"{name} {precision} {shape}", run)

    for precision in ("f32", "tf32", "f16"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        operands = [t.half() if precision == "f16" else t for t in (x, codebook, half_norms)]
        split = operands[0].split(block)
        eager = lambda: torch.cat([scores_argmin(rows, *operands[1:]) for rows in split])
        report("eager", precision, eager)
        if triton and (GPU or os.environ.get("TRITON_INTERPRET")):
            kind = "ieee" if precision == "f32" else precision
            report("triton", kind, lambda: fused(operands[0], operands[1], half_norms, kind))
    torch.backends.cuda.matmul.allow_tf32 = False
    return x, codebook, half_norms


def compiled(n, d, k, precision):
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    dtype = torch.float16 if precision == "f16" else torch.float32
    x, codebook = (torch.randn(rows, d, device=DEVICE).to(dtype) for rows in (n, k))
    half_norms = (codebook.float().square().sum(1) / 2).to(dtype)
    work = torch.compile(scores_argmin, mode="max-autotune-no-cudagraphs")
    seconds = timed(lambda: work(x, codebook, half_norms))
    emit("compiled", 2 * n * d * k, seconds, precision=precision, n=n, d=d, k=k)


def kmeans_iteration(n, d, k):
    torch.backends.cuda.matmul.allow_tf32 = False
    x, codebook = torch.randn(n, d, device=DEVICE), torch.randn(k, d, device=DEVICE)
    ones = torch.ones(n, device=DEVICE)

    def iterate():
        codes = scores_argmin(x, codebook, codebook.square().sum(1) / 2)
        sums = torch.zeros_like(codebook).index_add_(0, codes, x)
        counts = torch.zeros(k, device=DEVICE).index_add_(0, codes, ones)
        return sums / counts.clamp(min=1)[:, None]

    emit("kmeans", 2 * n * d * k, timed(iterate), precision="f32", n=n, d=d, k=k)


print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "triton": getattr(triton, "__version__", None),
                  "device": torch.cuda.get_device_name() if GPU else "cpu"}), flush=True)
attempt("copy", copy)
for kind in ("f32", "tf32", "f16"):
    attempt(f"matmul {kind}", lambda: peak(kind, 128 if args.small else 8192))
for shape in SHAPES[:5]:
    attempt(f"assign {shape}", lambda: assign(*shape))
    attempt(f"kmeans {shape}", lambda: kmeans_iteration(*shape) if shape[2] <= 4096 else None)
if not args.small:
    for precision in ("f32", "f16"):
        attempt(f"compiled {precision}", lambda: compiled(*SHAPES[1], precision))
for shape in SHAPES[5:]:
    attempt(f"assign {shape}", lambda: assign(*shape))
