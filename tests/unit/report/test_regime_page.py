"""Page of factor regimes: texts, tables and figures follow from the frames."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from tiltwise.evaluate.detection import Event, event_study, false_alarms, switching
from tiltwise.report.regimes import diagnostics, figures
from tiltwise.report.regimes.page import RegimeEvidence, render

DAYS = pd.bdate_range("2019-01-01", periods=400)
FACTORS = ["<A>", "B"]
CASES = ["equal", "enter dear"]
COSTS = [5.0, 50.0]
STORM = Event("storm", "2019-06-03", "2019-07-31")


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    active = pd.DataFrame(rng.normal(0.0, 0.004, (400, 2)), DAYS, FACTORS)
    market = pd.Series(rng.normal(0.0, 0.01, 400), DAYS)
    wave = (np.arange(400) // 40 % 2)[:, None]
    states = {f: pd.DataFrame(np.hstack([wave, wave * (n == 0)]), DAYS, CASES)
              for n, f in enumerate(FACTORS)}  # fmt: skip
    paths = {(c, f): states[f][c] for c in CASES for f in FACTORS}
    told = {}
    for c in CASES:
        of = pd.DataFrame({f: states[f][c] for f in FACTORS})
        told[c] = false_alarms(of, [STORM]).join(switching(of)["shifts_a_year"])
    singles = pd.DataFrame(
        {"sharpe": [0.3, -0.2], "low": [-0.4, -0.8], "high": [0.9, 0.4], "trend": [0.1, 0.2],
         "shifts_a_year": [6.0, 5.0], "share": 0.5, "p_value": [0.25, 0.6], "rotations": 12.0},
        FACTORS,
    )  # fmt: skip
    grid = pd.MultiIndex.from_product([COSTS, [2.0, 9.5]], names=["cost", "kept"])
    features = ["return_21", "beta_21"]
    return RegimeEvidence(
        title="Regimes <1>",
        facts={"Data": "invented"},
        notes=("proxies: nobody could hold them",),
        market=market,
        active=active,
        states=states,
        returns=active,
        singles=singles,
        events=pd.concat({k: event_study(p, [STORM]) for k, p in paths.items()},
                         names=["case", "factor"]),
        alarms=pd.concat(told, names=["case", "factor"]),
        sharpes=pd.DataFrame([[0.1, 0.2], [0.3, -0.2]], COSTS, FACTORS),
        shifts=pd.DataFrame([[9.0, 8.0], [6.0, 5.0]], COSTS, FACTORS),
        focus="B",
        settings=pd.DataFrame(
            {"sharpe": [0.1, 0.2, 0.3, 0.6], "low": [-1, -1, -1, 0.1], "high": 1.0}, grid
        ),
        centers={f: pd.DataFrame([[0.5, -0.5], [0.1, 1.9]], features) for f in FACTORS},
        weights=pd.DataFrame([[0.9, 1.0], [0.3, 0.0]], features, FACTORS),
        losses=pd.DataFrame([[10.0, 8.0], [7.0, 6.0], [7.0, 5.5]], columns=FACTORS),
        conditions=pd.DataFrame({"condition": [90.0, 1200.0], "smallest": [1e-3, 2e-4]}, DAYS[:2]),
    )  # fmt: skip


def words(page):
    body = page.split("<main", 1)[1].split("<footer", 1)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_same_frames_give_the_same_page(found):
    page = render(found)
    assert page == render(dataclasses.replace(found))
    assert "Regimes &lt;1&gt;" in page
    assert "<A>" not in page.split('id="data"')[0]
    assert "proxies: nobody could hold them" in page


def test_the_tables_hold_the_numbers(found):
    """4.10, 4.58: events over factors, and switching by cost."""
    text = words(render(found))
    # Sessions 109 to 151 are the storm; states turn on at 120 and off at 160.
    assert "storm, equal 2 of 2 11 74 % 43" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "storm, enter dear 1 of 2 11 37 % 43" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "5 8.50 9.0 8.0 0.15" in text
    assert "50 5.50 6.0 5.0 0.05" in text
    assert "the mean fell in 1 of 1 steps" in text
    assert "0.30 −0.40 to 0.90 0.10 6.00" in text
    assert "p 0.25" in words("<main>" + render(found).split("<header", 1)[1] + "<footer")


def test_an_event_that_nothing_covers(found):
    late = Event("later", "2031-01-01", "2031-02-01")
    paths = {(c, f): found.states[f][c] for c in CASES for f in FACTORS}
    events = pd.concat({k: event_study(p, [late]) for k, p in paths.items()},
                       names=["case", "factor"])  # fmt: skip
    text = words(render(dataclasses.replace(found, events=events)))
    assert text.count("not covered") == 2


def test_a_loss_that_rises_is_counted(found):
    """4.56: the page does not hide it."""
    assert "It rose in 0 of 4 steps" in diagnostics.losses(found.losses).caption
    worse = found.losses.copy()
    worse.iloc[2, 0] = 7.5
    assert "It rose in 1 of 4 steps" in diagnostics.losses(worse).caption
    indefinite = found.conditions.assign(smallest=[1e-3, -1e-9])
    told = diagnostics.conditions(indefinite).caption
    assert "1 of 2 covariances have a negative eigenvalue" in told


def test_ribbons_keep_short_spells():
    """One session of stress in four thousand is drawn, though columns are blocks of sessions."""
    days = pd.bdate_range("2000-01-03", periods=4000)
    states = pd.DataFrame({"equal": np.zeros(4000, int)}, days)
    states.iloc[1234] = 1
    active = pd.DataFrame({"A": np.full(4000, 1e-4)}, days)
    curve, ribbon = figures.ribbons(active, {"A": states}).data
    assert sum(ribbon["z"][0]) == 1.0
    assert len(ribbon["x"]) == len(ribbon["z"][0]) <= figures.ROW_BLOCK
    assert curve["y"][-1] == pytest.approx(0.4)


def test_what_the_captions_say(found):
    """4.15, 4.57."""
    assert "1 intervals leave out zero" in figures.sensitivity(found.settings, "B").caption
    assert "Largest on average: return_21, 88" in figures.importance(found.weights).caption
    assert "<A> beta_21" in figures.centroids(found.centers).caption
    dots = diagnostics.scatter(found.active, found.market, found.central)
    slope = found.active["B"].cov(found.market) / found.market.var()
    assert f"B {slope:.2f}".replace("-", "−") in dots.caption
    drawn = diagnostics.quantiles(found.active).data[0]["y"]
    sample = found.active["<A>"]
    assert drawn[-1] == pytest.approx((sample.max() - sample.mean()) / sample.std(), rel=1e-4)
    shares = diagnostics.histogram(found.active, found.central).data[0]["y"]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
