"""`python -m wgvq` is the command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import wgvq


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "wgvq", *arguments], capture_output=True, text=True, **options
    )


def test_a_model_goes_there_and_back(digits, tmp_path):
    np.save(tmp_path / "x.npy", digits)
    wgvq.ResidualQuantizer(3, 4).fit(digits).save(tmp_path / "rq.safetensors")
    done = command("encode", "x.npy", "-m", "rq.safetensors", "-o", "codes.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    codes = np.load(tmp_path / "codes.npy")
    assert (codes == wgvq.load(tmp_path / "rq.safetensors").transform(digits)).all()
    done = command("train", "x.npy", "--spec", "PQ4x4", "-o", "pq.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    theirs, ours = wgvq.load(tmp_path / "pq.safetensors"), wgvq.ProductQuantizer(4, 4).fit(digits)
    assert (theirs.transform(digits) == ours.transform(digits)).all()


def test_its_exit_status_is_that_of_the_process(tmp_path):
    version = command("--version")
    assert version.returncode == 0 and version.stdout == f"wgvq {wgvq.__version__}\n"
    missing = command("inspect", "missing.npy", cwd=tmp_path)
    assert missing.returncode == 2 and missing.stderr.startswith("wgvq: missing.npy")
    assert command("no-such-command").returncode == 2


def test_the_program_is_installed():
    program = Path(sys.executable).with_name("wgvq")
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    assert said == f"wgvq {wgvq.__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
def test_ctrl_c_ends_it_as_it_ends_the_program(wordnet, tmp_path):
    np.save(tmp_path / "x.npy", wordnet)
    words = "train x.npy --spec LSQ8x8 --sample 0 --refine 1000000 -o lsq.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-m", "wgvq", *words.split()], stderr=subprocess.PIPE, text=True
    )
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
