"""Exceptions: what kind they are, and that they say what to do."""

import os
import pickle
import subprocess

import numpy as np
import pytest
from programs import assert_ctrl_c_ends, run

import wgvq


@pytest.fixture(scope="module")
def fitted(digits):
    return wgvq.KMeans(3).fit(digits)


@pytest.mark.parametrize("method", ["transform", "predict", "inverse_transform", "score", "save"])
def test_what_was_not_trained_says_so(method):
    # scikit-learn may have been imported by another test, and its exception is one of both kinds too.
    with pytest.raises(
        ValueError, match="not fitted yet. Call 'fit' with vectors first, or read a model file"
    ) as error:
        getattr(wgvq.KMeans(), method)([[0]])
    assert isinstance(error.value, AttributeError)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_clusters": 0}, "VQ0: the codewords must be 1 to"),
        ({"n_clusters": 2.5}, "n_clusters is 2.5; must be a whole number"),
        ({"n_clusters": 10**6}, "k can be at most"),
        ({"iters": -1}, "iters is -1; must be a whole number of 0 or more"),
        ({"iters": 2.5}, "iters is 2.5; must be a whole number of 0 or more"),
        ({"init": "nearest"}, 'init is "nearest"; must be random, kmeans'),
        ({"tolerance": float("nan")}, "tolerance is no finite number; must be"),
        ({"spherical": "yes"}, 'spherical is "yes"; must be true or false'),
        ({"random_state": -1}, "random_state is -1; must be a whole number of 0 or more"),
        ({"threads": 0}, "threads is 0; must be 1 to 1024, or None"),
        ({"threads": -1}, "threads is -1; must be 1 to 1024, or None"),
        ({"threads": 2**70}, "threads is 1180591620717411303424; must be 1 to 1024, or None"),
        ({"threads": "two"}, "threads is 'two'; must be 1 to 1024, or None"),
        ({"device": "quantum"}, 'there is no device "quantum"; the devices here are auto, cpu'),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_in_fit(parameters, words, digits):
    with pytest.raises(ValueError, match=words):
        wgvq.KMeans(**parameters).fit(digits)


def test_parameters_that_are_not_there():
    with pytest.raises(TypeError, match="n_cluster"):
        wgvq.KMeans(n_cluster=3)
    with pytest.raises(TypeError, match="SQ4 has no parameter 'beam'; it has levels, shared"):
        wgvq.from_spec("SQ4", beam=3)
    with pytest.raises(ValueError, match="Invalid parameter 'beam' for estimator"):
        wgvq.KMeans().set_params(beam=3)
    with pytest.raises(ValueError, match="did you mean PQ8x8"):
        wgvq.from_spec("pq8x8")
    with pytest.raises(ValueError, match="must be one of ste, ema"):
        wgvq.from_spec("VQ8", trainer="nvsq")
    with pytest.raises(TypeError, match="iters is of type list; must be a number"):
        wgvq.KMeans(iters=[]).fit([[0.0]])


def test_files(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError, match=str(path)):
        wgvq.load(path)
    fitted.save(path)
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        fitted.save(path)
    fitted.save(path, overwrite=True)
    with pytest.raises(FileNotFoundError):
        fitted.save(tmp_path / "nowhere" / "model.safetensors")
    with pytest.raises(
        ValueError, match="holds a VQ3, which is no ProductQuantizer; wgvq.load reads every model"
    ):
        wgvq.ProductQuantizer.load(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="model.safetensors"):
        wgvq.load(path)


def test_a_model_of_a_newer_version(fitted, tmp_path):
    state = fitted.__getstate__()
    assert pickle.loads(pickle.dumps(fitted)).predict([[0.0] * 64]).shape == (1,)
    newer = wgvq.KMeans.__new__(wgvq.KMeans)
    with pytest.raises(
        ValueError, match=r"was pickled by wgvq 9.1.0, and .* cannot read it: install that version"
    ):
        newer.__setstate__({**state, "pickle": state["pickle"] + 1, "wgvq": "9.1.0"})
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    path.write_bytes(path.read_bytes().replace(b'\\"format\\":1', b'\\"format\\":9'))
    with pytest.raises(
        ValueError, match="a model of format 9; this version reads format 1, a newer one is needed"
    ):
        wgvq.load(path)


def test_a_training_that_fails_changes_nothing(fitted, digits):
    again = pickle.loads(pickle.dumps(fitted))
    wrong = digits.copy()
    # With one vector in a codeword's sample, training does not read the last of the vectors; finding its label does.
    wrong[-1, 0] = np.nan
    with pytest.raises(ValueError, match=f"row {len(digits) - 1}, column 0 is NaN"):
        again.set_params(sample=1).fit(wrong)
    assert (again.labels_ == fitted.labels_).all() and (again.predict(digits) == fitted.labels_).all()


def test_a_model_that_was_pickled_on_another_machine(fitted, digits):
    codes = fitted.transform(digits)
    there = pickle.loads(pickle.dumps(fitted))
    there.device = "gpu:99"
    here = pickle.loads(pickle.dumps(there))
    with pytest.raises(ValueError, match='there is no device "gpu:99"; the devices here are auto, cpu'):
        here.transform(digits)
    assert (here.set_params(device="cpu").transform(digits) == codes).all()


def test_an_error_of_the_device_is_a_device_error():
    assert issubclass(wgvq.DeviceError, RuntimeError)
    assert "cpu" in wgvq.DeviceError.__doc__


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
@pytest.mark.parametrize(
    "work",
    [
        "wgvq.KMeans(2000, sample=0, iters=10**6, tolerance=0).fit(x)",
        "wgvq.LocalSearchQuantizer(8, 8, sample=0, refine=10**6).fit(x)",
        "wgvq.from_spec('VQ256', trainer='nsvq', steps=10**9).fit(x)",
        "trained.transform(x)",
    ],
)
def test_ctrl_c_ends_work_within_a_second(work):
    program = f"""
        import numpy as np, wgvq
        x = np.random.default_rng(0).normal(size=(200000, 64)).astype(np.float32)
        trained = wgvq.LocalSearchQuantizer(8, 8, sample=1, iters=1, refine=0).fit(x[:300])
        print("on", flush=True)
        {work}
        """
    assert_ctrl_c_ends(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told_what_to_do(fitted, digits):
    # In a process of its own: this one has threads, which a fork would leave behind.
    program = """
        import os, numpy as np, wgvq
        x = np.zeros((10, 2), np.float32); x[:5] = 1
        k = wgvq.KMeans(2).fit(x)
        if os.fork() == 0:
            try:
                k.predict(x)
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
        """
    process = run(program, stdout=subprocess.PIPE)
    assert "spawn" in process.communicate(timeout=60)[0]
