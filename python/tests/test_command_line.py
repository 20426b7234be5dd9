"""`python -m wgvq` is the command line."""

import subprocess
import sys

import numpy as np

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
