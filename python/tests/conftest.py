"""What the tests share."""

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
