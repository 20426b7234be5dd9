"""Who watches is told how far training is."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np, wgvq, wgvq._progress
wgvq._progress.QUIET = 0
x = np.random.default_rng(0).normal(size=(20000, 32)).astype(np.float32)
wgvq.KMeans(256, iters=60, tolerance=0{verbose}).fit(x)
"""


def run(verbose, **options):
    return subprocess.Popen([sys.executable, "-c", PROGRAM.format(verbose=verbose)], **options)


def test_a_pipe_is_told_nothing():
    assert run("", stderr=subprocess.PIPE).communicate()[1] == b""


@pytest.mark.skipif(os.name == "nt", reason="there are no terminals of this kind")
@pytest.mark.parametrize(("verbose", "told"), [("", True), (", verbose=False", False)])
def test_a_terminal_is_told(verbose, told):
    import pty

    ours, theirs = pty.openpty()
    process = run(verbose, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    assert (b"KMeans: " in said and b"iterations, mse " in said) == told
    # The line is taken away at the end.
    assert said.endswith(b" \r") == told
