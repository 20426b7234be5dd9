"""Every quantizer: training, codes, vectors, files."""

import pickle

import numpy as np
import pytest

import wgvq

#: A small one of each class, and of specs that have none.
SMALL = [
    wgvq.KMeans(5),
    wgvq.VectorQuantizer(16),
    wgvq.ScalarQuantizer(4),
    wgvq.ProductQuantizer(4, 4),
    wgvq.OptimizedProductQuantizer(4, 4, iters=3),
    wgvq.ResidualQuantizer(3, 4, iters=3),
    wgvq.ProductResidualQuantizer(2, 2, 4, iters=3),
    wgvq.AdditiveQuantizer(3, 4, iters=3),
    wgvq.LocalSearchQuantizer(3, 4, iters=3),
    wgvq.RotatedBitsQuantizer(3),
    wgvq.LatticeQuantizer("E8", rate=2),
    wgvq.LatticeQuantizer("D4", bits=6),
    wgvq.SpaceFillingQuantizer(4, steps=100),
    wgvq.SpaceFillingQuantizer(4, position_bits=3, steps=100),
    wgvq.from_spec("OPQ4,RQ2x4", iters=3),
    wgvq.from_spec("TRQ2x3"),
    wgvq.from_spec("RR,SQ4"),
    wgvq.from_spec("PLSQ2x2x4", iters=3),
    wgvq.from_spec("FSQ:8x5x5"),
    wgvq.from_spec("LFQ:6"),
    wgvq.from_spec("RQ2x4", trainer="nsvq", steps=100),
]


@pytest.fixture(params=SMALL, ids=repr)
def fitted(request, digits):
    params = request.param.get_params()
    return type(request.param)(**params).fit(digits)


def test_codes_stand_for_vectors(fitted, digits):
    codes = fitted.transform(digits)
    sizes = fitted.codebook_sizes_
    assert codes.shape == (len(digits), len(sizes)) and codes.dtype.kind == "u"
    assert (codes.max(axis=0) < sizes).all()
    back = fitted.inverse_transform(codes)
    assert back.shape == digits.shape and back.dtype == np.float32
    # Less is lost than by the mean alone.
    error = ((digits - back) ** 2).sum(axis=1).mean()
    assert 0 < error < ((digits - digits.mean(axis=0)) ** 2).sum(axis=1).mean()
    # The engine sums 64 squares in float32, numpy the mean of them: a few units in the last place apart.
    assert fitted.score(digits) == pytest.approx(-error, rel=64 * float(np.finfo(np.float32).eps))


def test_a_row_has_the_same_codes_alone(fitted, digits):
    codes = fitted.transform(digits[:100])
    for row in (0, 57, 99):
        assert (fitted.transform(digits[row : row + 1]) == codes[row]).all()


def test_files_and_pickles_give_the_same_codes(fitted, digits, tmp_path):
    codes = fitted.transform(digits)
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    for other in (type(fitted).load(path), wgvq.load(path), pickle.loads(pickle.dumps(fitted))):
        assert (other.transform(digits) == codes).all()
        assert other.spec_ == fitted.spec_ and other.n_iter_ == fitted.n_iter_
    # What was None may be what training found, such as the scale of a lattice.
    loaded = type(fitted).load(path).get_params()
    assert {name: loaded[name] for name, value in fitted.get_params().items() if value is not None} == {
        name: value for name, value in fitted.get_params().items() if value is not None
    }


def test_the_same_seed_gives_the_same_codes(fitted, digits):
    again = type(fitted)(**fitted.get_params()).fit(digits)
    assert (again.transform(digits) == fitted.transform(digits)).all()


def test_threads_change_nothing(digits):
    codes = [wgvq.ResidualQuantizer(3, 4, threads=threads).fit_transform(digits) for threads in (None, 1, 3)]
    assert (codes[0] == codes[1]).all() and (codes[0] == codes[2]).all()


def test_codes_have_the_smallest_type_that_holds_them(wordnet):
    for k, dtype in ((256, np.uint8), (257, np.uint16)):
        assert wgvq.VectorQuantizer(k, iters=1).fit_transform(wordnet).dtype == dtype
    wide = wgvq.LatticeQuantizer("Z", scale=1e-6).fit(wordnet[:100])
    assert max(wide.codebook_sizes_) > 1 << 16
    codes = wide.transform(wordnet[:100])
    assert codes.dtype == np.uint32
    # The nearest of points that are 1e-6 apart, in float32.
    assert np.abs(wide.inverse_transform(codes) - wordnet[:100]).max() <= 0.5e-6 + np.finfo(np.float32).eps


def test_k_means_clusters(digits):
    kmeans = wgvq.KMeans(10).fit(digits)
    assert (kmeans.labels_ == kmeans.predict(digits)).all() and kmeans.labels_.dtype == np.int32
    distances = ((digits[:, None] - kmeans.cluster_centers_) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == kmeans.labels_).all()
    assert kmeans.inertia_ == pytest.approx(distances.min(axis=1).sum(), rel=1e-5)
    assert (
        kmeans.inverse_transform(kmeans.labels_.astype(int)) == kmeans.cluster_centers_[kmeans.labels_]
    ).all()


def test_a_curve_is_in_order(digits):
    corners = wgvq.SpaceFillingQuantizer(5, steps=400).fit(digits).codebooks_[0]
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=1).mean()
    rng = np.random.default_rng(0)
    shuffled = [np.linalg.norm(np.diff(rng.permutation(corners), axis=0), axis=1).mean() for _ in range(20)]
    assert steps < min(shuffled)


def test_settings_of_encoding_count_at_once(wordnet):
    quantizer = wgvq.ResidualQuantizer(4, 4, beam=1).fit(wordnet)
    narrow = quantizer.score(wordnet)
    wide = quantizer.set_params(beam=16).score(wordnet)
    assert wide > narrow
    again = pickle.loads(pickle.dumps(quantizer))
    assert (again.transform(wordnet) == quantizer.transform(wordnet)).all()
    assert quantizer.set_params(beam=1).score(wordnet) == narrow


def test_other_devices(digits):
    quantizer = wgvq.ProductQuantizer(4, 4, device="cpu").fit(digits)
    codes = quantizer.transform(digits)
    ids = [device["id"] for device in wgvq.devices()]
    assert ids[-1] == "cpu" and sum(device["auto"] for device in wgvq.devices()) == 1
    for device in ids:
        assert (quantizer.set_params(device=device).transform(digits) == codes).all()


def test_a_random_state_is_a_seed(digits):
    def centres(state):
        return wgvq.KMeans(10, iters=1, random_state=state).fit(digits).cluster_centers_

    assert (centres(3) == centres(np.int64(3))).all()
    assert (centres(np.random.RandomState(3)) == centres(np.random.RandomState(3))).all()
    assert (centres(np.random.default_rng(3)) == centres(np.random.default_rng(3))).all()
    assert (centres(None) != centres(None)).any()
