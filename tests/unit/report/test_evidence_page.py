"""Evidence page: texts, tables and figures follow from the record."""

import copy
import re

import numpy as np
import pandas as pd
import pytest

import evidence_demo
from tiltwise.ledger import Ledger
from tiltwise.report.claims import evidence_figures as figures
from tiltwise.report.claims.evidence_page import render
from tiltwise.report.components.text import number

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return evidence_demo.exported(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return evidence_demo.exported(tmp_path_factory)[1]


def words(page):
    body = page.split("<main", 1)[1].split("<footer", 1)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_same_record_gives_the_same_page(record):
    assert render(record) == render(copy.deepcopy(record))


def test_what_comes_from_outside_is_escaped(record):
    page = render(record)
    assert "invented funds &lt;1&gt;" in page
    assert "invented funds <1>" not in page.split('id="data"')[0]


def test_the_answers_are_those_of_the_record(record):
    other = copy.deepcopy(record)
    other["answers"][1] |= {"answer": "momentum", "remark": "As was planted."}
    text = words(render(other))
    assert "momentum The first statistic decides" in text
    assert "As was planted." in text
    assert text.count("The first statistic decides") == 3


def test_luck_stands_beside_the_best(record):
    """The best of 22 and what the best of so many shows without skill."""
    page = render(record)
    best = next(b for b in record["best"] if b["variant"] == "head")
    assert "<dt>Best of 22</dt>" in page
    assert f"no skill: {best['ceiling']:.2f}" in page


def test_the_ratios_are_told_in_words(record):
    """B05: exactly five filters, and how nearly so with P0 = I."""
    text = words(render(record))
    assert "The grid of 9 cells holds 5 ratios of noises." in text
    assert "they are exactly 5 filters" in text
    other = copy.deepcopy(record)
    next(r for r in other["ratios"] if r["ratio"] == 0.1)["first"] = 0.5
    assert "least at ratio 0.1: 50.0" in words(render(other)).replace("\u202f", " ")


def test_the_heat_map_is_drawn_on_the_ratio(record):
    """0.36: five columns that tell the half-life, and cells only where the grid has them."""
    figure = figures.heatmap(record["sensitivity"], "head", "Head", 1.0)
    trace = figure.data[0]
    assert [label.split("<br>")[0] for label in trace["x"]] == ["0.01", "0.1", "1", "10", "100"]
    lives = [float(label.split("<br>")[1]) for label in trace["x"]]
    assert lives == sorted(lives, reverse=True)
    filled = [[v is not None for v in row] for row in trace["z"]]
    assert [sum(column) for column in zip(*filled, strict=True)] == [1, 2, 3, 2, 1]
    assert "half-life in sessions" in figure.layout["xaxis"]["title"]["text"]


def test_substitutes_are_called_so(record):
    other = {**record, "substitutes": "6 other assets for 9 funds"}
    assert "substitutes: 6 other assets" in render(other)


def test_the_wealth_curves_are_net_of_costs(record, folder):
    """0.42: what is drawn is the growth of recorded net returns, which lies below the gross."""
    figure = figures.growth(record["growth"])
    runs = {tuple(run.returns): run for run in Ledger(folder / "ledger").runs()}
    wealth = {run.id: (1.0 + run.returns).cumprod() for run in runs.values()}
    *strategies, market = figure.data
    assert len(strategies) == 6
    for trace in strategies:
        path = record["growth"][trace["name"]]
        own = [w for w in wealth.values() if len(w) == len(path) and np.allclose(w, path, 1e-12)]
        assert own, f"no recorded net returns grow as {trace['name']}"
        drawn = pd.Series(trace["y"], pd.DatetimeIndex(trace["x"]))
        np.testing.assert_allclose(drawn, own[0].loc[drawn.index], rtol=1e-4)
        assert drawn.index[-1] == path.index[-1]
        # The row of the table that ends where the curve does: costs are in it.
        total = path.iloc[-1] - 1.0
        near = [r for r in record["results"] if abs(r["total_return"] - total) < 1e-9]
        assert near
        assert all(r["cost_impact"] > 0.0 for r in near)
    assert market["name"] == record["reference"]
    assert "net of costs" in figure.caption


def test_sharpe_ratios_stand_before_and_after_costs(record):
    """1.15: the table of strategies and that of folds show both."""
    page = render(record)
    best = max(
        (r for r in record["results"] if (r["variant"], r["residual"]) == ("corrected", "fixed")),
        key=lambda r: r["sharpe"],
    )
    assert f"before costs {number(best['gross_sharpe'])}" in page
    assert best["gross_sharpe"] > best["sharpe"]
    assert page.count(">Before costs</th>") == 2
    assert all(r["gross_sharpe"] >= r["sharpe"] for r in record["per_fold"])
