"""Vectors in blocks, as on many machines: the same model whoever has which, and in whatever order they come."""

import pickle

import numpy as np
import pytest

import wgvq


def model_of(quantizer):
    return quantizer._model.to_bytes()


@pytest.mark.parametrize("spec", ["VQ32", "PQ2x4", "OPQ2,PQ2x4", "RQ2x4", "TRQ2x3"])
def test_a_sample_that_was_drawn_block_by_block_gives_the_same_model(spec):
    x = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    whole = wgvq.from_spec(spec, random_state=3, device="cpu", sample=30)
    rows = whole.sample_rows(len(x))
    assert 0 < len(rows) < len(x) and (np.diff(rows) > 0).all()
    whole.fit(x)
    cuts = [0, 1, 2500, 6000]
    parts = [x[rows[(rows >= a) & (rows < b)]] for a, b in zip(cuts, cuts[1:])]
    sampled = wgvq.from_spec(spec, random_state=3, device="cpu", sample=30).fit(np.concatenate(parts))
    assert all((a == b).all() for a, b in zip(whole.codebooks_, sampled.codebooks_))
    assert (whole.transform(x) == sampled.transform(x)).all()


def test_what_reads_all_vectors_has_no_sample():
    with pytest.raises(ValueError, match="SQ8 is trained on all vectors"):
        wgvq.ScalarQuantizer(random_state=0).sample_rows(100)
    with pytest.raises(ValueError, match="the same whole number"):
        wgvq.KMeans(random_state=None).sample_rows(100)
    with pytest.raises(ValueError, match="by gradient"):
        wgvq.from_spec("VQ16", trainer="nsvq", random_state=0).sample_rows(100)


@pytest.mark.parametrize("spec", ["VQ32", "PQ2x4", "OPQ2,PQ2x4", "RQ2x4", "PRQ2x2x3"])
def test_passes_over_blocks_are_the_same_in_any_order_and_lower_the_error(spec):
    x = np.random.default_rng(1).normal(size=(6000, 8)).astype(np.float32)
    first = wgvq.from_spec(spec, random_state=0, device="cpu", sample=20).fit(x)
    one = pickle.loads(pickle.dumps(first))
    many = pickle.loads(pickle.dumps(first))
    errors = []
    for _ in range(3):
        errors.append(one.refit_sums(x).mse)
        one.refit(one.refit_sums(x))
        blocks = [many.refit_sums(block, number) for number, block in enumerate(np.array_split(x, 7))]
        many.refit(pickle.loads(pickle.dumps(sums)) for sums in reversed(blocks))
    assert model_of(one) == model_of(many) != model_of(first)
    assert errors[0] > errors[1] > errors[2]


def test_sums_that_do_not_belong_together_are_refused():
    x = np.random.default_rng(2).normal(size=(500, 4)).astype(np.float32)
    first = wgvq.KMeans(4, random_state=0, device="cpu").fit(x)
    second = wgvq.KMeans(5, random_state=0, device="cpu").fit(x)
    sums = first.refit_sums(x, 3)
    assert sums.vectors == 500 and sums.blocks == [3] and "500 vectors in 1 blocks" in repr(sums)
    with pytest.raises(ValueError, match="block 3 is in both sums"):
        sums.add(first.refit_sums(x, 3))
    with pytest.raises(ValueError, match="all blocks of a pass take the same model"):
        sums.add(second.refit_sums(x, 4))
    with pytest.raises(ValueError, match="not of this VQ5"):
        second.refit(sums)
    with pytest.raises(ValueError, match="damaged"):
        wgvq.RefitSums.from_bytes(sums.to_bytes()[:-1])
    newer = bytearray(sums.to_bytes())
    newer[8] = 9
    with pytest.raises(ValueError, match="of version 9; this wgvq reads version 1: take the same wgvq on all machines"):
        wgvq.RefitSums.from_bytes(bytes(newer))
    with pytest.raises(ValueError, match="X has 3 features, but KMeans is expecting 4"):
        first.refit_sums(x[:, :3])
    broken = x.copy()
    broken[417, 2] = np.nan
    with pytest.raises(ValueError, match="row 417, column 2 is NaN"):
        first.refit_sums(broken)
    with pytest.raises(ValueError, match="block is -1; must be a whole number of 0 or more"):
        first.refit_sums(x, -1)
    with pytest.raises(ValueError, match="n is 2.5; must be a whole number of 0 or more"):
        first.sample_rows(2.5)
    with pytest.raises(ValueError, match="make them by refit_sums"):
        first.refit([])
    with pytest.raises(ValueError, match="SQ8 has no codebooks"):
        wgvq.ScalarQuantizer(device="cpu").fit(x).refit_sums(x)


SCALARS = [("SQ4", {}), ("SQ:9", {"shared": True}), ("SQ8", {"shared": False})]


@pytest.mark.parametrize(("spec", "settings"), SCALARS)
def test_a_fit_by_sums_of_blocks_in_any_order_is_that_of_all_vectors(spec, settings):
    x = np.random.default_rng(5).normal(size=(6000, 8)).astype(np.float32)
    quantizer = wgvq.from_spec(spec, random_state=3, device="cpu", **settings)
    assert quantizer.fits_by_sums()
    first = None
    for _ in range(2):
        sums = [quantizer.fit_sums(block, number, first) for number, block in enumerate(np.array_split(x, 7))]
        first = sums.pop()
        for part in sums:
            first.add(pickle.loads(pickle.dumps(part)))
    assert first.vectors == 6000 and first.blocks == [*range(7)] and repr(first) == "FitSums(6000 vectors in 7 blocks)"
    whole = wgvq.from_spec(spec, random_state=3, device="cpu", **settings).fit(x)
    assert model_of(quantizer.fit_by_sums(first)) == model_of(whole)
    assert (quantizer.transform(x) == whole.transform(x)).all()


def test_levels_by_lloyd_and_max_have_a_sample():
    x = np.random.default_rng(6).normal(size=(70_000, 1)).astype(np.float32)
    quantizer = wgvq.ScalarQuantizer(4, levels="lloyd-max", random_state=0, device="cpu")
    assert not quantizer.fits_by_sums()
    rows = quantizer.sample_rows(len(x))
    assert len(rows) == 65_536
    codes = quantizer.fit(x).transform(x)
    assert (quantizer.fit(x[rows]).transform(x) == codes).all()


def test_sums_of_fits_that_do_not_belong_together_are_refused():
    x = np.random.default_rng(7).normal(size=(500, 4)).astype(np.float32)
    quantizer = wgvq.ScalarQuantizer(4, random_state=0, device="cpu")
    first = quantizer.fit_sums(x, 3)
    with pytest.raises(ValueError, match="the sums are of the first pass"):
        quantizer.fit_by_sums(first)
    with pytest.raises(ValueError, match="block 3 is in both sums"):
        first.add(first)
    other = wgvq.ScalarQuantizer(5, random_state=0, device="cpu")
    with pytest.raises(ValueError, match="sums for SQ4 and for SQ5 do not add up"):
        first.add(other.fit_sums(x, 4))
    with pytest.raises(ValueError, match="block 4 was not in the first pass"):
        quantizer.fit_sums(x, 4, first)
    with pytest.raises(ValueError, match="row 0, column 0 is out of the range"):
        quantizer.fit_sums(x + 100, 3, first)
    with pytest.raises(ValueError, match="for SQ4, and not for SQ5"):
        other.fit_by_sums(quantizer.fit_sums(x, 3, first))
    with pytest.raises(ValueError, match="damaged"):
        wgvq.FitSums.from_bytes(first.to_bytes()[:-1])
    with pytest.raises(ValueError, match="no sums of a fit"):
        wgvq.FitSums.from_bytes(b"")
    broken = x.copy()
    broken[417, 2] = np.nan
    with pytest.raises(ValueError, match="row 417, column 2 is (nan|NaN)"):
        quantizer.fit_sums(broken)
    with pytest.raises(ValueError, match="VQ4 is not fitted by sums"):
        wgvq.KMeans(4, random_state=0, device="cpu").fit_sums(x)
    with pytest.raises(ValueError, match="make them by fit_sums"):
        quantizer.fit_by_sums([])
