"""Formatting of numbers and texts, and the table of metric labels."""

import math

import pytest

from tiltwise.report.components import tables, text
from tiltwise.report.run import metrics


@pytest.mark.parametrize(
    ("value", "digits", "signed", "shown"),
    [
        (1234.567, 1, False, "1\u202f234.6"),
        (-0.5, 2, False, "\u22120.50"),
        (0.5, 2, True, "+0.50"),
        (-0.0004, 2, False, "0.00"),
        (math.nan, 2, False, "\u2013"),
        (math.inf, 2, False, "\u221e"),
        (-math.inf, 2, False, "\u2212\u221e"),
    ],
)
def test_numbers(value, digits, signed, shown):
    assert text.number(value, digits, signed=signed) == shown


def test_percent():
    assert text.percent(0.1234) == "12.3\u202f%"
    assert text.percent(math.nan) == "\u2013"


def test_slug():
    assert text.slug("Sweeps of doubt: 1 & 2") == "sweeps-of-doubt-1-2"


def test_a_line_of_the_table_is_all_that_a_report_needs(monkeypatch):
    """Label, heading and format of a metric come from the table of `evaluate`."""
    from tiltwise.evaluate.metric import Metric
    from tiltwise.evaluate.metrics import METRICS
    from tiltwise.kernels.path_metrics import worst_day

    added = Metric("deepest", "share", "Return", "Deepest session", worst_day, fine=True)
    monkeypatch.setitem(METRICS, "deepest", added)
    assert metrics.label("deepest") == "Deepest session"
    assert metrics.show("deepest", 0.01234) == metrics.percent(0.01234, 2)
    assert metrics.grouped(["deepest", "win_rate", "cagr"]) == {
        "Return": ["cagr", "deepest", "win_rate"]  # the last line of the summary, not of the group
    }


def test_unknown_metrics_are_shown_under_other():
    groups = metrics.grouped(["sharpe", "my_metric", "cagr"])
    assert groups == {"Return": ["cagr"], "Return for risk": ["sharpe"], "Other": ["my_metric"]}
    assert metrics.label("my_metric") == "My metric"


def test_whisker_says_whether_zero_is_inside():
    assert 'class="whisker sure"' in tables.whisker(0.5, 0.1, 0.9)
    assert 'class="whisker unsure"' in tables.whisker(0.5, -0.1, 0.9)
    assert tables.whisker(0.5, math.nan, 0.9) == ""
    # Zero at the left end, the point in the middle, the interval up to the right end.
    assert 'd="M2.0 0V12"' in tables.whisker(0.5, 0.1, 1.0)
    assert 'd="M50.0 6h0"' in tables.whisker(0.5, 0.1, 1.0)
    assert 'd="M11.6 6H98.0"' in tables.whisker(0.5, 0.1, 1.0)
