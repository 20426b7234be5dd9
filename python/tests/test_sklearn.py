"""Estimators do what scikit-learn wants of them."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone, is_clusterer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_clusterer_compute_labels_predict,
    check_clustering,
    check_estimator,
)

import wgvq

#: Small ones: the checks fit 10 to 200 vectors.
CHECKED = [
    wgvq.KMeans(3),
    wgvq.VectorQuantizer(4),
    wgvq.ScalarQuantizer(4),
    wgvq.ProductQuantizer(1, 2),
    wgvq.OptimizedProductQuantizer(1, 2),
    wgvq.ResidualQuantizer(2, 2),
    wgvq.ProductResidualQuantizer(1, 2, 2),
    wgvq.AdditiveQuantizer(2, 2),
    wgvq.LocalSearchQuantizer(2, 2),
    wgvq.LatticeQuantizer("Z", rate=1),
    wgvq.SpaceFillingQuantizer(2, steps=20),
    wgvq.from_spec("RR,RQ2x2"),
]

#: Checks that fail, and why that is right.
EXPECTED = {
    "Quantizer": {
        "check_no_attributes_set_in_init": "its parameters depend on the spec, so its class cannot list them all",
        "check_do_not_raise_errors_in_init_or_set_params": "a spec that is not known has no parameters to take",
    },
}


# BaseEstimator is no base where scikit-learn need not be there, and a spec is refused when it is given.
@pytest.mark.filterwarnings(
    "ignore:Estimator .* does not inherit", "ignore:TypeError occurred during set_params"
)
@pytest.mark.parametrize("estimator", CHECKED, ids=lambda estimator: type(estimator).__name__)
def test_check_estimator(estimator):
    expected = EXPECTED.get(type(estimator).__name__, {})
    results = check_estimator(estimator, on_skip=None, on_fail=None, expected_failed_checks=expected)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(expected)
    assert sum(result["status"] == "passed" for result in results) > 30


def test_the_checks_of_clusterers():
    # check_estimator leaves them out where ClusterMixin is no base, for which scikit-learn would have to be there.
    check_clusterer_compute_labels_predict("KMeans", wgvq.KMeans(3))
    for readonly_memmap in (False, True):
        check_clustering("KMeans", wgvq.KMeans(3), readonly_memmap=readonly_memmap)


def test_an_estimator_in_a_pipeline_and_a_search(digits):
    assert is_clusterer(wgvq.KMeans()) and not is_clusterer(wgvq.VectorQuantizer())
    pipeline = make_pipeline(StandardScaler(), wgvq.KMeans(10))
    labels = pipeline.fit_predict(digits)
    assert (pipeline.predict(digits) == labels).all()
    search = GridSearchCV(wgvq.ResidualQuantizer(2, 3, iters=2), {"stages": [1, 2, 3]}, cv=2).fit(digits)
    assert search.best_params_ == {"stages": 3}
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()


def test_labels_are_those_of_scikit_learn(digits):
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    start = digits[:10]
    theirs = KMeans(10, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(digits)
    ours = wgvq.KMeans(10, init="kmeans++", restarts=10, iters=300, tolerance=0, sample=0).fit(digits)
    # The best of ten starts is no worse than one, up to local optima of a percent.
    assert ours.inertia_ < 1.01 * theirs.inertia_
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.4


def test_names_of_columns(digits):
    import pandas

    frame = pandas.DataFrame(digits, columns=[f"pixel {column}" for column in range(64)])
    quantizer = wgvq.ProductQuantizer(4, 4).fit(frame)
    assert list(quantizer.feature_names_in_) == list(frame.columns)
    assert list(quantizer.get_feature_names_out()) == [f"productquantizer{code}" for code in range(4)]
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        quantizer.transform(digits)
    with pytest.raises(ValueError, match="must be in the same order"):
        quantizer.transform(frame[frame.columns[::-1]])


def test_scikit_learn_is_not_needed():
    program = "import sys, wgvq; wgvq.KMeans(2).fit([[0.0], [1.0]]).predict([[0.0]]); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
    program = (
        "import sys, wgvq; sys.modules['sklearn'] = None\n"
        "try: wgvq.KMeans().predict([[0.0]])\n"
        "except wgvq.NotFittedError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert "not fitted yet" in said


def test_work_in_other_processes(digits):
    from joblib import Parallel, delayed

    quantizer = wgvq.ProductQuantizer(4, 4, threads=1).fit(digits)
    parts = Parallel(n_jobs=2)(delayed(quantizer.transform)(part) for part in np.array_split(digits, 4))
    assert (np.vstack(parts) == quantizer.transform(digits)).all()
