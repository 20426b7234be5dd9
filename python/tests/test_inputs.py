"""What can be given as vectors, and what is said of what cannot."""

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import wgvq


@pytest.fixture(scope="module")
def x(digits):
    return np.ascontiguousarray(digits[:500])


@pytest.fixture(scope="module")
def quantizer(x):
    return wgvq.ProductQuantizer(4, 4).fit(x)


@pytest.fixture(scope="module")
def codes(quantizer, x):
    return quantizer.transform(x)


def lists(x, dtype, chunks=1):
    parts = [
        pa.FixedSizeListArray.from_arrays(pa.array(part.ravel().astype(dtype)), x.shape[1])
        for part in np.array_split(x, chunks)
    ]
    return pa.chunked_array(parts) if chunks > 1 else parts[0]


class Tensor:
    """A tensor that speaks DLPack and nothing else."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


# The values of digits are whole numbers up to 16, which every type holds.
FORMS = {
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "uint8": lambda x: x.astype(np.uint8),
    "int64": lambda x: x.astype(np.int64),
    "big endian": lambda x: x.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "gaps": lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda x: x[::-1][::-1],
    "read-only": read_only,
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),
    "lists": lambda x: x.tolist(),
    "objects": lambda x: x.astype(object),
    "pandas": lambda x: pandas.DataFrame(x),
    "polars": lambda x: polars.DataFrame(x, schema=[str(column) for column in range(x.shape[1])]).to_numpy(),
    "polars series": lambda x: polars.Series(x.tolist(), dtype=polars.Array(polars.Float32, x.shape[1])),
    "polars lists": lambda x: polars.Series(x.tolist(), dtype=polars.List(polars.Float64)),
    "polars column": lambda x: polars.DataFrame(
        {"v": x.tolist()}, schema={"v": polars.Array(polars.Float32, x.shape[1])}
    ),
    "arrow": lambda x: lists(x, np.float32),
    "arrow slice": lambda x: lists(np.vstack([x[:7], x, x[:3]]), np.float32)[7:-3],
    "arrow float64": lambda x: lists(x, np.float64),
    "arrow float16": lambda x: lists(x, np.float16),
    "arrow uint8": lambda x: lists(x, np.uint8),
    "arrow chunks": lambda x: lists(x, np.float32, chunks=3),
    "arrow list": lambda x: pa.array(x.tolist()),
    "arrow large list": lambda x: pa.array(x.tolist(), pa.large_list(pa.float32())),
    "arrow table": lambda x: pa.table({"v": lists(x, np.float32)}),
    "dlpack": Tensor,
    "no masked value": lambda x: np.ma.masked_array(x, np.zeros(x.shape, bool)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_vectors(form, x, quantizer, codes):
    assert (quantizer.transform(FORMS[form](x)) == codes).all()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains_the_same(form, x):
    (plain,) = wgvq.VectorQuantizer(8).fit(x).codebooks_
    (other,) = wgvq.VectorQuantizer(8).fit(FORMS[form](x)).codebooks_
    assert (plain == other).all()


def test_a_file_that_is_mapped(x, quantizer, codes, tmp_path):
    np.save(tmp_path / "x.npy", x)
    assert (quantizer.transform(np.load(tmp_path / "x.npy", mmap_mode="r")) == codes).all()


def test_what_fits_is_not_copied(x):
    from wgvq import _inputs

    assert _inputs.vectors(x) is x
    assert np.shares_memory(_inputs.vectors(Tensor(x)), x)
    kept = read_only(x)
    assert _inputs.vectors(kept) is kept


def nan_at(x, row, column, value):
    x = x.copy()
    x[row, column] = value
    return x


WRONG = {
    "NaN": (lambda x: nan_at(x, 417, 3, np.nan), ValueError, "row 417, column 3 is NaN"),
    "infinity": (lambda x: nan_at(x, 2, 63, -np.inf), ValueError, "row 2, column 63 is -inf"),
    "too large": (lambda x: nan_at(x.astype(float), 2, 1, 1e300), ValueError, "row 2, column 1 is inf"),
    "NaN in Arrow": (
        lambda x: lists(nan_at(x, 41, 3, np.nan), np.float32),
        ValueError,
        "row 41, column 3 is NaN",
    ),
    "dimensions": (
        lambda x: x[:, :5],
        ValueError,
        "X has 5 features, but ProductQuantizer is expecting 64 features",
    ),
    "one vector": (lambda x: x[0], ValueError, r"X.reshape\(1, -1\)"),
    "three dimensions": (lambda x: x[None], ValueError, r"has shape \(1, 500, 64\)"),
    "no vectors": (lambda x: x[:0], ValueError, r"0 sample\(s\)"),
    "no dimensions": (lambda x: x[:, :0], ValueError, r"0 feature\(s\)"),
    "ragged lists": (
        lambda x: [[1.0, 2.0], [3.0, 4.0], [5.0]],
        ValueError,
        "row 2 has 1 values and row 0 has 2",
    ),
    "ragged Arrow": (
        lambda x: pa.array([[1.0, 2.0], [3.0]]),
        ValueError,
        "row 1 has 1 values and row 0 has 2",
    ),
    "missing row": (lambda x: pa.array([[1.0, 2.0], None]), ValueError, "row 1 is missing"),
    "missing value": (
        lambda x: pa.array([[1.0, 2.0], [3.0, None]]),
        ValueError,
        "row 1, column 1 is missing",
    ),
    "numbers of Arrow": (lambda x: pa.array([1.0, 2.0]), ValueError, "lists of numbers are needed"),
    "texts of Arrow": (lambda x: pa.array([["a"], ["b"]]), ValueError, "must be float"),
    "two columns of lists": (
        lambda x: pa.table({"a": pa.array([[1.0]]), "b": pa.array([[1.0]])}),
        ValueError,
        "2 columns; give the one that holds the vectors",
    ),
    "texts": (lambda x: np.array([["a", "b"]]), ValueError, "vectors are of numbers"),
    "nothing": (
        lambda x: None,
        ValueError,
        r"X is of type NoneType; vectors are the rows of an array \(n, d\)",
    ),
    "words": (lambda x: "vectors.npy", ValueError, "vectors are of numbers"),
    "complex": (lambda x: x.astype(complex), ValueError, "Complex data not supported"),
    "a masked value": (
        lambda x: np.ma.masked_array(x, np.arange(x.size).reshape(x.shape) == 417 * 64 + 3),
        ValueError,
        r"row 417 of X has a masked value, which is none; X.filled\(0\) puts one there",
    ),
    "a number no float holds": (lambda x: [[10**400] * 64], ValueError, "X has a number that no vector can hold"),
    "dictionary": (lambda x: [[{}]], TypeError, "number"),
    "GPU tensor": (lambda x: Tensor(x, device=(2, 0)), ValueError, r"X.cpu\(\)"),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name, x, quantizer):
    make, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        quantizer.transform(make(x))


@pytest.mark.parametrize("name", ["NaN", "one vector", "ragged lists", "texts", "missing row"])
def test_what_is_wrong_is_said_in_training(name, x):
    make, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        wgvq.KMeans(2, sample=0).fit(make(x))


WRONG_CODES = {
    "past the codebook": (
        lambda codes: np.where(codes == codes, 16, 0),
        "row 0, column 0 is 16; the codebook has 16",
    ),
    "negative": (lambda codes: codes.astype(int) - 100, "row 0, column 0 is -"),
    "larger than uint32": (lambda codes: codes.astype(int) + (1 << 32), "row 0, column 0 is 4294967"),
    "fractions": (lambda codes: codes + 0.5, "whole numbers are needed"),
    "too few": (lambda codes: codes[:, :3], "3 codes per vector, and the quantizer has 4"),
    "one vector's": (lambda codes: codes[0], r"\(n, 4\) is needed"),
}


@pytest.mark.parametrize("name", WRONG_CODES)
def test_what_is_wrong_with_codes_is_said(name, quantizer, codes):
    make, words = WRONG_CODES[name]
    with pytest.raises(ValueError, match=words):
        quantizer.inverse_transform(make(codes))


def test_codes_of_any_whole_type(quantizer, codes):
    back = quantizer.inverse_transform(codes)
    for dtype in (np.uint16, np.int32, np.int64, np.uint64):
        assert (quantizer.inverse_transform(codes.astype(dtype)) == back).all()
    assert (quantizer.inverse_transform(codes.tolist()) == back).all()
