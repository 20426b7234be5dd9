"""What the tests share."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wordnet() -> np.ndarray:
    """Embeddings of real sentences, float32 (6000, 384)."""
    return np.load(ROOT / "data" / "wordnet.npy").astype(np.float32)


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Handwritten digits as vectors, float32 (1797, 64)."""
    return np.load(ROOT / "data" / "digits.npy").astype(np.float32)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """Tests run in a folder of their own: beside theirs lies the package without its extension module."""
    monkeypatch.chdir(tmp_path)


def run(program, **options):
    """Begins a program of Python in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], text=True, **options)


def assert_ctrl_c_ends(program):
    """Ctrl-C ends a program within a second, once it has said that it is on."""
    process = run(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "on\n", process.stderr.read()
    time.sleep(1.5)
    assert process.poll() is None, process.stderr.read()
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    took = time.monotonic() - asked
    # Python ends by the signal that nobody caught, and not by a fault of threads that are still at work.
    assert "KeyboardInterrupt" in errors and process.returncode == -signal.SIGINT
    # .05 s until signals are looked for, .7 s that work has to stop, and what it takes Python to end beside a busy machine.
    assert took < 2, took
