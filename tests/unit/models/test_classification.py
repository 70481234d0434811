"""Scores of a classifier next to their base rates (2.13, 2.15)."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.models.inclusion.probability_scores import area, band, scores


def test_scores_stand_beside_their_base_rates():
    """2.13: by hand, six rows of which four are to be included."""
    truth = np.array([1, 1, 1, 0, 0, 1.0])
    told = np.array([0.9, 0.8, 0.4, 0.6, 0.1, 0.5])
    found = scores(truth, told)
    # Pairs (label 1, label 0) in order: 2 + 2 + 1 + 1 of 8.
    assert found.auc == 6 / 8
    assert (found.precision, found.recall, found.f1) == (3 / 4, 3 / 4, 3 / 4)
    assert found.accuracy == 4 / 6
    assert (found.base_rate, found.majority, found.base_f1) == (4 / 6, 4 / 6, 0.8)
    assert found.rows == 6
    assert "AUC 0.750 (acceptable)" in str(found)
    assert "against 0.667 of the commoner label" in str(found)


def test_the_published_accuracy_is_no_better_than_always_including():
    """2.13: of 97 % positives, "always yes" has an F1 above the source's .914."""
    truth = np.r_[np.ones(97), np.zeros(3)]
    found = scores(truth, np.full(100, 0.9))
    assert found.majority == found.base_rate == 0.97
    assert found.base_f1 == pytest.approx(2 * 0.97 / 1.97)
    assert found.auc == 0.5


def test_area_is_that_of_scikit_learn_with_ties():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, told = rng.integers(0, 2, 400).astype(float), rng.integers(0, 20, 400) / 20.0
    assert area(truth, told) == pytest.approx(metrics.roc_auc_score(truth, told), abs=1e-14)
    found = scores(truth, told)
    said = told >= 0.5
    assert found.f1 == pytest.approx(metrics.f1_score(truth, said), abs=1e-14)
    assert found.precision == pytest.approx(metrics.precision_score(truth, said), abs=1e-14)


@pytest.mark.parametrize(
    ("auc", "word"),
    [
        (0.49, "worse than chance"),
        (0.5, "poor to acceptable"),
        (0.6999, "poor to acceptable"),
        (0.7, "acceptable"),
        (0.8, "excellent"),
        (0.9, "excellent"),
        (0.901, "outstanding"),
        (math.nan, "undefined"),
    ],
)
def test_bands(auc, word):
    """2.15."""
    assert band(auc) == word


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_no_area_and_says_why(label):
    """B13, 2.13."""
    found = scores(pd.Series([label] * 5), pd.Series([0.1, 0.4, 0.6, 0.6, 0.9]))
    assert math.isnan(found.auc)
    assert found.band == "undefined"
    assert found.reason == f"one class: all 5 labels are {int(label)}"
    assert found.accuracy == (0.6 if label else 0.4)
    assert "no AUC: one class" in str(found)


def test_what_is_no_label_is_refused():
    with pytest.raises(DataError, match="0 or 1"):
        scores(np.array([0.0, 2.0]), np.array([0.1, 0.2]))
    with pytest.raises(DataError, match="missing"):
        scores(np.array([0.0, 1.0]), np.array([0.1, np.nan]))
    with pytest.raises(DataError, match="cannot be compared"):
        scores(np.array([]), np.array([]))
