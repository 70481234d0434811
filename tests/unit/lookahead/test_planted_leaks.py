"""Every planted leak is flagged; its causal twin raises no alarm on 200 cuts."""

import functools
from pathlib import Path

import planted_leaks
import pytest
from planted_leaks import PAIRS

from tiltwise import Market
from tiltwise.lookahead import AuditReport, audit

SOURCE = Path(audit.__globals__["__file__"]).parent
REQUIRED = [  # by the measured table and by the list of planted situations
    "full_sample_scaler full_sample_pca shift_minus_one centred_window last_row_normaliser",
    "resample_labels back_fill smoothed_jump_labels interpolate interpolate_then_rank",
    "most_likely_path_of_states same_bar tuning_on_test universe_from_the_future revised_macro",
    "adjusted_price_level same_day_vintage label_overlap target_encoding fold_crossing_scaler",
    "peeking_early_stopping full_sample_z_score smoothed_regimes future_max_stop",
    "cross_ticker_fill sorted_by_outcome macro_without_lag",
]
CAUSES = {
    "shift_minus_one": "next row",
    "centred_window": "window or a label reaches 5 rows",
    "label_used_as_feature": "reaches 10 rows",
    "back_fill": "gap is filled",
    "interpolate": "gap is filled",
    "interpolate_then_rank": "gap is filled",
    "resample_labels": "whole month",
    "full_sample_z_score": "whole sample",
    "full_sample_pca": "whole sample",
    "universe_from_the_future": "whole sample",
    "last_row_normaliser": "divided by the last row",
    "revised_macro": "before the day they became known",
    "macro_without_lag": "before the day they became known",
    "same_day_vintage": "before the day they became known",
    "same_bar": "session that it earns",
    "adjusted_price_level": "level of an adjusted price",
    "tuned_strategy": "chosen with data later",
    "decide_many_peeks": "decide_many reads rows after",
}
NODES = {
    "interpolate_then_rank": "speed",
    "most_likely_path_of_states": "probability",
    "tuned_strategy": "field.window",
    "fit_that_reaches_behind_the_cut": "model.mean",
    "feature_of_a_strategy": "feature.smooth(days=9)",
    "decide_many_peeks": "decide_many.evidence.score",
    "strategy_with_the_whole_market_inside": "evidence.move",
}


@functools.cache
def market() -> Market:
    return planted_leaks.market()


def ask(function, name: str, cuts: int) -> AuditReport:
    start = PAIRS[name].start
    return audit(
        function,
        market(),
        cuts=cuts,
        budget=600.0,
        start=None if start is None else market().dates[start],
    )


@pytest.mark.parametrize("name", PAIRS)
def test_a_leak_is_flagged(name):
    """B07, B12, B16, B17, B18, B19 and their like; the guilty node, date, side and cause."""
    report = ask(PAIRS[name].leak, name, 40)
    assert not report.passed
    worst = report.findings[0]
    assert worst.kind == PAIRS[name].kind
    assert worst.node == NODES.get(name, "weights")
    assert worst.date in market().dates
    assert CAUSES.get(name, "Likely cause: ") in worst.detail


@pytest.mark.parametrize("name", PAIRS)
def test_its_causal_twin_is_not(name):
    report = ask(PAIRS[name].twin, name, 200)
    assert [str(finding) for finding in report.findings] == []
    assert report.cuts == 200
    assert "weights" in report.nodes
    assert not [text for text in report.skipped if "Error" in text]


def test_the_suite_holds_what_it_must():
    assert set(" ".join(REQUIRED).split()) <= set(PAIRS)
    assert len(PAIRS) >= 24
    assert sum(bool(pair.unseen) for pair in PAIRS.values()) >= 6


@pytest.mark.parametrize("name", [name for name, pair in PAIRS.items() if pair.unseen])
def test_the_auditor_was_not_written_for_it(name):
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("*.py")).lower()
    assert not [word for word in PAIRS[name].unseen if word.lower() in code]
