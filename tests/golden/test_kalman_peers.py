"""Filter, smoother and learned noise beside pykalman (recorded) and statsmodels (run here)."""

import json
from pathlib import Path

import numpy as np
import pytest

from tiltwise.errors import DataError
from tiltwise.kernels.kalman import em, smoother
from tiltwise.models.factors import pykalman_names

GOLDEN = json.loads(Path(__file__).with_name("kalman_peers.json").read_text(encoding="utf-8"))
X = np.array(GOLDEN["x"])
TOLERANCE = {"rtol": 0, "atol": 1e-10}


def series(asset):
    return np.array(GOLDEN["assets"][asset]["y"], dtype=float)


def arguments():
    return {
        "observation_matrices": X[:, None, :],
        "transition_covariance": GOLDEN["drift"],
        "observation_covariance": [[GOLDEN["noise"]]],
        "initial_state_mean": GOLDEN["start"],
        "initial_state_covariance": GOLDEN["first"],
    }


@pytest.mark.parametrize("asset", [0, 1])
def test_filter_equals_pykalman(asset):
    """`1.01`: the second asset has missing days."""
    peer = GOLDEN["assets"][asset]
    y = series(asset)
    means, covariances = pykalman_names.filter_loadings(y, **arguments())
    assert means.shape == (60, 3)
    np.testing.assert_allclose(means, peer["filtered"], **TOLERANCE)
    np.testing.assert_allclose(covariances, peer["filtered_covariances"], **TOLERANCE)
    masked = np.ma.masked_array(np.nan_to_num(y), np.isnan(y))
    np.testing.assert_array_equal(pykalman_names.filter_loadings(masked, **arguments())[0], means)


@pytest.mark.parametrize("asset", [0, 1])
def test_smoother_equals_pykalman(asset):
    """`1.01`."""
    peer = GOLDEN["assets"][asset]
    got = pykalman_names.smooth_loadings(series(asset), **arguments())
    np.testing.assert_allclose(got.betas[:, 0], peer["smoothed"], **TOLERANCE)
    np.testing.assert_allclose(got.covariances, peer["smoothed_covariances"], **TOLERANCE)
    assert got.loglik[0] == pytest.approx(peer["loglik"], rel=1e-10)


@pytest.mark.parametrize("asset", [0, 1])
def test_five_steps_of_em_equal_pykalman(asset):
    """B08, `1.04`: the very same steps, when none is leapt over."""
    peer = GOLDEN["assets"][asset]
    got = em.expectation_maximisation(
        series(asset)[:, None],
        X,
        1e-3,
        GOLDEN["noise"],
        start=GOLDEN["start"],
        first=GOLDEN["first"],
        iterations=5,
        tolerance=0.0,
        leaps=False,
    )
    np.testing.assert_allclose(got.drift, peer["em_drift"], rtol=1e-8, atol=1e-14)
    assert got.noise == pytest.approx(peer["em_noise"], rel=1e-10)


def test_the_threads_shape_of_the_matrices_is_refused():
    """`1.01`: (T, K) is what the thread passes; pykalman needs (T, 1, K)."""
    given = {**arguments(), "observation_matrices": X}
    with pytest.raises(DataError, match=r"factors\[:, None, :\]"):
        pykalman_names.filter_loadings(series(0), **given)


def test_several_assets_need_one_noise():
    with pytest.raises(DataError, match="one by one"):
        pykalman_names.filter_loadings(
            series(0), **{**arguments(), "observation_covariance": np.eye(2)}
        )


def test_unset_covariances_are_refused():
    """B08: pykalman falls back on the identity; here the call does not go through."""
    given = arguments()
    del given["transition_covariance"]
    with pytest.raises(TypeError, match="transition_covariance"):
        pykalman_names.filter_loadings(series(0), **given)


def test_assets_side_by_side():
    """`1.02`: (T, N, K) for N assets, each as if alone."""
    y = series(0)
    both = np.column_stack([y, -2.0 * y])
    means, _ = pykalman_names.filter_loadings(both, **{**arguments(), "initial_state_mean": 0.0})
    alone, _ = pykalman_names.filter_loadings(y, **{**arguments(), "initial_state_mean": 0.0})
    assert means.shape == (60, 2, 3)
    np.testing.assert_array_equal(means[:, 0], alone)
    np.testing.assert_allclose(means[:, 1], -2.0 * alone, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("asset", [0, 1])
def test_filter_and_smoother_equal_statsmodels(asset):
    """`1.01`, `0.14`: a second peer, with a time-varying design."""
    mlemodel = pytest.importorskip("statsmodels.tsa.statespace.mlemodel")
    y = series(asset)
    model = mlemodel.MLEModel(y, k_states=3, k_posdef=3)
    model["design"] = np.ascontiguousarray(X.T[None])
    model["transition"] = model["selection"] = np.eye(3)
    model["state_cov"] = np.array(GOLDEN["drift"])
    model["obs_cov"] = np.array([[GOLDEN["noise"]]])
    model.initialize_known(np.array(GOLDEN["start"]), np.array(GOLDEN["first"]))
    peer = model.ssm.smooth()
    first = (GOLDEN["noise"], GOLDEN["start"], GOLDEN["first"])
    passed = smoother.forward(y[:, None], X, GOLDEN["drift"], *first)
    back = smoother.smooth(y[:, None], X, GOLDEN["drift"], *first)
    np.testing.assert_allclose(passed.betas[:, 0], peer.filtered_state.T, **TOLERANCE)
    np.testing.assert_allclose(back.betas[:, 0], peer.smoothed_state.T, **TOLERANCE)
    np.testing.assert_allclose(
        back.covariances, peer.smoothed_state_cov.transpose(2, 0, 1), **TOLERANCE
    )
    assert passed.loglik[0] == pytest.approx(peer.llf, rel=1e-12)
