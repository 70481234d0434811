"""Black-Litterman numbers: He and Litterman (1999), and tracking errors of three assets (4.16)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.portfolio.active_risk import decompose
from tiltwise.portfolio.black_litterman import Prior, Views, posterior
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.tracking_error import at_tracking_error

COUNTRIES = pd.Index(["AUS", "CAN", "FRA", "GER", "JPN", "UK", "USA"])
UPPER = """.488 .478 .515 .439 .512 .491  .664 .655 .310 .608 .779  .861 .355 .783 .668
           .354 .777 .653  .405 .306  .652"""


@pytest.fixture
def countries():
    correlation = np.eye(7)
    correlation[np.triu_indices(7, 1)] = np.array(UPPER.split(), dtype=float)
    correlation = np.maximum(correlation, correlation.T)
    risk = np.array([16.0, 20.3, 24.8, 27.1, 21.0, 20.0, 18.7]) / 100
    sigma = pd.DataFrame(correlation * np.outer(risk, risk), COUNTRIES, COUNTRIES)
    market = pd.Series([1.6, 2.2, 5.2, 5.5, 11.6, 12.4, 61.5], COUNTRIES) / 100
    prior = Prior(sigma, market, risk_aversion=2.5, tau=0.05)
    rivals = market[["FRA", "UK"]] / market[["FRA", "UK"]].sum()
    book = pd.Series(0.0, COUNTRIES).add(-rivals, fill_value=0.0).reindex(COUNTRIES)
    book["GER"] = 1.0
    picks = pd.DataFrame([book.to_numpy()], ["Germany"], COUNTRIES)
    return prior, Views(picks, pd.Series([0.05], ["Germany"]))


def test_he_and_litterman(countries):
    prior, views = countries
    found = posterior(prior, views, scale=prior.tau)  # omega = tau p'Sp
    percent = {"atol": 0.005, "rtol": 0}
    np.testing.assert_allclose(
        100 * prior.mean, [3.94, 6.92, 8.36, 9.03, 4.30, 6.77, 7.56], **percent
    )
    np.testing.assert_allclose(
        100 * found.mean, [4.33, 7.58, 9.29, 11.04, 4.51, 6.95, 8.07], **percent
    )
    plain = [1.6, 2.2, -3.71, 35.65, 11.6, -8.84, 61.5]
    np.testing.assert_allclose(100 * found.weights, plain, **percent)
    total = prior.sigma + found.mean_covariance
    with_mean = np.linalg.solve(2.5 * total, found.mean)
    np.testing.assert_allclose(
        100 * with_mean, [1.52, 2.10, -3.97, 35.43, 11.05, -9.46, 58.57], **percent
    )
    view = views.picks.to_numpy()[0]
    assert view @ prior.sigma @ view == pytest.approx(0.0213, abs=5e-5)


def test_the_posterior_is_the_textbook_formula(countries):
    prior, views = countries
    p, s, tau = views.picks.to_numpy(), prior.sigma, prior.tau
    for c in (0.01, 1.0, 30.0):
        omega = c * np.diag(np.diag(p @ s @ p.T))
        gain = tau * s @ p.T @ np.linalg.inv(p @ (tau * s) @ p.T + omega)
        found = posterior(prior, views, c)
        mean = prior.mean + gain @ (views.returns - p @ prior.mean)
        np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
        spread = tau * s - gain @ p @ (tau * s)
        np.testing.assert_allclose(found.mean_covariance, spread, rtol=1e-11, atol=1e-17)


@pytest.fixture
def three():
    names = pd.Index(["market", "one", "two"])
    sigma = [[0.0256, 0.0240, 0.0200], [0.0240, 0.0289, 0.0180], [0.0200, 0.0180, 0.0225]]
    prior = Prior(pd.DataFrame(sigma, names, names), pd.Series(1 / 3, names))
    return prior, Views.relative(pd.Series([0.03, -0.02], names[1:]), "market", names)


@pytest.mark.parametrize(
    ("scale", "weights", "error"),
    [
        (0.1, (0.098035, 0.687765, 0.214200), 0.0310689576),
        (1.0, (0.304857, 0.376713, 0.318430), 0.0038141764),
        (10.0, (0.330424, 0.337771, 0.331805), 0.0003903068),
    ],
)
def test_tracking_error_by_scale(three, scale, weights, error):
    np.testing.assert_allclose(three[0].mean, [0.058, 0.0590833, 0.0504167], atol=5e-8)
    found = posterior(*three, scale)
    np.testing.assert_allclose(found.weights, weights, atol=5e-7)
    assert found.tracking_error == pytest.approx(error, abs=5e-11)


@pytest.mark.parametrize("limits", [None, Limits(lower=-1, gross=3.0), Limits(upper=0.9)])
@pytest.mark.parametrize(
    ("target", "scale", "weights"),
    [
        (0.01, 0.36536000, (0.258432, 0.447144, 0.294424)),
        (0.02, 0.16970369, (0.182744, 0.561209, 0.256047)),
        (0.03, 0.10448750, (0.106259, 0.675529, 0.218212)),
        (0.04, 0.07188138, (0.028967, 0.790105, 0.180927)),
    ],
)
def test_b20_scale_by_tracking_error(three, target, scale, weights, limits):
    """B20, 4.17: the search goes towards its target."""
    found = at_tracking_error(*three, target, limits)
    assert found.status == "optimal"
    # The specification prints eight decimals, of a root known to about seven.
    assert found.detail["scale"] == pytest.approx(scale, abs=5e-9)
    np.testing.assert_allclose(found.weights, weights, atol=5e-7)
    assert found.detail["tracking_error"] == pytest.approx(target, abs=1e-10)


def test_parts_of_a_tracking_error():
    """2.10: contributions sum to the whole."""
    names = list("abc")
    sigma = pd.DataFrame([[0.04, 0.01, 0], [0.01, 0.09, 0.02], [0, 0.02, 0.16]], names, names)
    benchmark = pd.Series([0.3, 0.3, 0.4], names)
    active = pd.Series([0.1, -0.06, -0.04], names)
    parts = decompose(benchmark + active, sigma, benchmark)
    assert parts.total == pytest.approx(0.0309192497, abs=5e-11)
    np.testing.assert_allclose(parts.marginal, [0.10996386, -0.16818002, -0.24580157], atol=5e-9)
    np.testing.assert_allclose(parts.contributions, [0.01099639, 0.01009080, 0.00983206], atol=5e-9)
    assert parts.contributions.sum() == pytest.approx(parts.total, abs=1e-15)
    assert parts.shares.sum() == pytest.approx(1.0, abs=1e-14)
