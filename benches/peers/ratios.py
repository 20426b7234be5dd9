#!/usr/bin/env python3
"""Prints the comparisons that run_all.sh has collected as one table: a ratio above 1 says that wgvq is faster."""

import json
import pathlib
import sys

from common import table

lines = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
if not lines:
    raise SystemExit("nothing was compared")


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


rows = [(r["peer"], r["what"], r["unit"], number(r["wgvq"]), number(r["theirs"]), f"{r['ratio']:.2f}") for r in lines]
table(("peer", "what", "unit", "wgvq", "peer's", "ratio"), rows)
