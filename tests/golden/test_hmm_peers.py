"""Hidden Markov model beside hmmlearn (recorded) and the mixture beside scikit-learn (run here)."""

import json
from pathlib import Path

import numpy as np
import pytest

from tiltwise.kernels import hmm
from tiltwise.models.regimes.mixtures import GaussianHMM, GaussianMixture

GOLDEN = json.loads(Path(__file__).with_name("hmm_peers.json").read_text(encoding="utf-8"))
CASES = GOLDEN["cases"]


def parameters(values):
    return hmm.Parameters(*(np.array(value) for value in values))


def fitted(case):
    """A model that holds what the peer learned."""
    x, model = np.array(case["x"]), GaussianHMM(len(case["start"][0]))
    model.fit(x)
    model.start_, model.transitions_, model.centers_, model.variances_ = parameters(case["learned"])
    return x, model


@pytest.mark.parametrize("name", CASES)
def test_twelve_steps_of_em_equal_hmmlearn(name):
    case = CASES[name]
    x = np.array(case["x"])
    got = hmm.estimate(
        x,
        parameters(case["start"]),
        iterations=12,
        tolerance=-np.inf,
        floor=np.full(x.shape[1], 1e-12),
    )
    np.testing.assert_allclose(got.loglik[:12], case["history"], rtol=1e-10)
    assert got.loglik[12] == pytest.approx(case["loglik"], rel=1e-10)
    for ours, theirs in zip(got.parameters, case["learned"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_probabilities_and_path_equal_hmmlearn(name):
    case = CASES[name]
    x, model = fitted(case)
    known, given_all = model.filter(x), model.smooth(x)
    np.testing.assert_allclose(known.probabilities, case["filtered"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(given_all.probabilities, case["smoothed"], rtol=0, atol=1e-10)
    assert given_all.objective == pytest.approx(case["loglik"], rel=1e-12)
    assert model.likeliest_path(x).tolist() == case["path"]
    assert not np.allclose(known.probabilities, given_all.probabilities, atol=0.1)


def test_our_starts_end_at_least_as_likely():
    """Clusters of levels alone end twelve lower for the one feature, whose states share a level."""
    for case in CASES.values():
        model = GaussianHMM(len(case["start"][0])).fit(np.array(case["x"]))
        assert model.objective_ > case["loglik"] - 1e-4


def test_the_mixture_equals_scikit_learns():
    mixture = pytest.importorskip("sklearn.mixture")
    x = np.array(CASES["two features"]["x"])
    ours = GaussianMixture(tol=1e-9, least_variance=1e-9).fit(x, x[:, 0])
    peer = mixture.GaussianMixture(
        2, covariance_type="diag", tol=1e-12, max_iter=5000, reg_covar=0.0, n_init=5, random_state=0
    ).fit(x)
    order = np.argsort(-peer.means_[:, 0] * peer.weights_)
    assert ours.objective_ == pytest.approx(peer.score(x) * len(x), rel=1e-7)
    np.testing.assert_allclose(ours.start_, peer.weights_[order], atol=1e-3)
    np.testing.assert_allclose(ours.centers_, peer.means_[order], atol=1e-3)
    np.testing.assert_allclose(ours.proba_, peer.predict_proba(x)[:, order], atol=1e-3)
