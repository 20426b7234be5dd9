#!/usr/bin/env python3
"""Make data/digits.npy and data/digits_labels.npy: the handwritten digits that scikit-learn comes with.

    python3 -m pip install scikit-learn
    python3 scripts/make_digits.py
"""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

images, labels = load_digits(return_X_y=True)
folder = pathlib.Path(__file__).parent.parent / "data"
np.save(folder / "digits.npy", images.astype(np.uint8))
np.save(folder / "digits_labels.npy", labels.astype(np.uint8))
