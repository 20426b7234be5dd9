#!/usr/bin/env python3
"""Writes what `wgvq bench` measured on each device into README.md beside this file, between its two markers.

    python3 benches/results/table.py

Every folder here is a device's. Its measurements are the documents of `wgvq bench --json`, in `*.json` files of their own or in
the lines of `*.jsonl` that `scripts/gpu-check.sh` writes; the last one of a shape counts. Other lines are passed over, as is
what a later round replaced: `again.jsonl`. Needs nothing but Python.
"""

import json
import pathlib
import statistics

HERE = pathlib.Path(__file__).resolve().parent
README = HERE / "README.md"
BEGIN, END = "<!-- table.py writes from here -->", "<!-- to here -->"
# Of the round before the last one.
EARLIER = "again.jsonl"
ON_DEVICE = ("assign", "kmeans", "encode", "project")
TRANSFERS = ("upload", "readback")


def documents(folder):
    """The documents of `wgvq bench` in the files of a folder."""
    for path in sorted(folder.glob("*.json*")):
        if path.name == EARLIER:
            continue
        text = path.read_text()
        try:
            values = [json.loads(text)] if path.suffix == ".json" else map(json.loads, text.splitlines())
            for value in values:
                document = value.get("document") or value
                if "peaks" in document and "results" in document:
                    yield document
        except json.JSONDecodeError as error:
            raise SystemExit(f"{path}: is no JSON: {error}; give what `wgvq bench --json` or gpu-check.sh wrote")


def measurements(found):
    """{(name, n, d, k): result}."""
    return {(r["name"], r["n"], r["d"], r["k"]): r for document in found for r in document["results"]}


def number(value):
    """With three digits, and commas where there are more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "| --- |" + " ---: |" * (len(heads) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def named_shapes(results):
    """Shapes of which more than `assign` was measured: milliseconds and GFLOP/s of each measurement."""
    shapes = list(dict.fromkeys(key[1:] for key in results if key[0] == "project"))

    def cell(name, shape):
        result = results.get((name, *shape))
        return f"{number(1e3 * result['median_seconds'])} ({number(result['gflops_median'])})" if result else "–"

    rows = [[f"{n:,} × {d}, {k:,}", *(cell(name, (n, d, k)) for name in ON_DEVICE)] for n, d, k in shapes]
    return table(["n × d, k: ms (GFLOP/s)", *ON_DEVICE], rows)


def sweep(results):
    """GFLOP/s of `assign` by dimensions and codewords, a column for each number of vectors."""
    cells = {key[1:]: result for key, result in results.items() if key[0] == "assign"}
    counts = sorted(n for n in {n for n, _, _ in cells} if sum(n == other for other, _, _ in cells) > 5)
    kinds = sorted({(d, k) for n, d, k in cells if n in counts})

    def cell(shape):
        return number(cells[shape]["gflops_median"]) if shape in cells else "–"

    rows = [[f"{d}, {k:,}", *(cell((n, d, k)) for n in counts)] for d, k in kinds]
    return table(["d, k", *(f"n = {n:,}" for n in counts)], rows)


def transfers(results):
    """GB/s by the size of what is moved."""
    sizes = sorted({4 * n * d: (n, d, k) for name, n, d, k in results if name in TRANSFERS}.items())

    def cell(name, shape):
        result = results.get((name, *shape))
        return number(result["gbs_median"]) if result else "–"

    rows = [[f"{size / 2**20:g} MiB", *(cell(name, shape) for name in TRANSFERS)] for size, shape in sizes]
    return table(["GB/s", *TRANSFERS], rows)


def of_device(folder):
    found = list(documents(folder))
    if not found:
        return
    results, last = measurements(found), found[-1]
    # What documents of later versions say besides.
    cpu = [last["cpu"]] if last.get("cpu") else []
    where = ", ".join(filter(None, [last["backend"], last["driver"], *cpu, f"{last['threads']} threads"]))
    yield f"### {last['device']}"
    yield ""
    yield f"`{folder.name}`: {where}, wgvq {last['version']}."
    peaks = {key: statistics.median(d["peaks"][key] for d in found) for key in ("copy_gbs", "multiply_add_gflops")}
    yield (
        f"Peaks (medians of {len(found)} runs): copy {number(peaks['copy_gbs'])} GB/s, "
        f"multiply-add {number(peaks['multiply_add_gflops'])} GFLOP/s in f32."
    )
    for heading, lines in (
        ("Medians, from vectors on the device (`encode`: from host memory to host memory):", named_shapes(results)),
        ("`assign`, GFLOP/s:", sweep(results)),
        ("Transfers:", transfers(results)),
    ):
        lines = list(lines)
        # Heads and the rule below them are no table yet.
        if len(lines) > 2:
            yield from ("", heading, "", *lines)


def main():
    readme = README.read_text()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{README}: has no lines {BEGIN!r} and {END!r} to write between")
    parts = ["\n".join(of_device(folder)) for folder in sorted(HERE.iterdir()) if folder.is_dir()]
    text = "\n\n".join(part for part in parts if part)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    print(f"wrote {README}")


main()
