"""How far work is: a line that is written over on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds that work takes before anything is said, and between two plain lines.
QUIET, LINE_EVERY = 0.5, 5.0


@contextmanager
def showing(verbose: bool | None, what: str) -> Iterator[Progress | None]:
    """What tells of the work in a `with` block, or None if nothing does. `verbose=None` tells where somebody watches."""
    if verbose is None:
        verbose = writes_over()
    progress = Progress(what) if verbose else None
    try:
        yield progress
    finally:
        if progress is not None:
            progress.finish()


def writes_over() -> bool:
    """Whether stderr is a terminal or a notebook, where a line can be written over."""
    if "ipykernel" in sys.modules:
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


class Progress:
    def __init__(self, what: str):
        self.what = what
        self.begin = self.last = time.monotonic()
        self.over = writes_over()
        self.width = 0

    def iterate(self, iterations: int, mse: float) -> None:
        """So many iterations are done, and the error is now `mse`."""
        self._tell(f"{iterations} iterations, mse {mse:.6g}")

    def reach(self, done: int, total: int, unit: str) -> None:
        """So many of `total` units are done."""
        self._tell(f"{done} of {total} {unit}")

    def _tell(self, words: str) -> None:
        now = time.monotonic()
        if now - (self.begin if self.over else self.last) < (QUIET if self.over else LINE_EVERY):
            return
        line = f"{self.what}: {words}, {now - self.begin:.0f} s"
        if self.over:
            print(f"\r{line:<{self.width}}", end="", file=sys.stderr, flush=True)
            self.width = len(line)
        else:
            print(line, file=sys.stderr, flush=True)
        self.last = now

    def finish(self) -> None:
        """Takes the line away."""
        if self.width:
            print("\r" + " " * self.width, end="\r", file=sys.stderr, flush=True)
