"""Evidence page of residual momentum: three hypotheses, their statistics, plots and tables.

It takes plain records (dictionaries, lists, numbers, growth as series), as
`tiltwise.claims.systems.residual_momentum.export` makes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tiltwise.report.claims import evidence_figures as figures
from tiltwise.report.claims import evidence_tables
from tiltwise.report.claims.evidence_tables import VARIANTS
from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import escape, number, percent
from tiltwise.report.components.theme import sheet

Record = Mapping[str, Any]

TITLE = "Residual momentum: the evidence"
TONE = {"yes": "yes", "momentum": "yes", "no": "no", "no, it hurts": "no", "reversal": "no"}


def render(record: Record) -> str:
    """One HTML file; the same record gives the same bytes."""
    footer = (
        "<p>This page is one file and fetches nothing. Every number on it was computed from the "
        "files in its folder. Plots: plotly.js, MIT licence.</p>"
    )
    sections = [
        Section("Three questions", html="".join(map(_answer, record["answers"]))),
        _factors(record),
        Section("Momentum or reversal", figures=(figures.lags(record["lags"]),)),
        _noises(record),
        _strategies(record),
        Section("Folds", html=evidence_tables.folds(record), lead=_fold_lead(record)),
        Section("How to read this", html=_rules()),
    ]
    return document(
        TITLE, f"<style>{sheet('claims', 'evidence')}</style>{_header(record)}", sections, footer
    )


def _header(record: Record) -> str:
    assets = f"{len(record['assets'])} assets, {record['reference']} as the whole market"
    facts = {
        "Data": f"{record['data']} (id {record['data_id'][:12]}), {assets}",
        "Returns": f"{record['first']} to {record['last']}: {record['rows']} rows, "
        f"{record['dropped_rows']} dropped because an asset had no close",
        "Tests": f"{record['period'][0]} to {record['period'][1]}",
        "Source": f"{record['title']} ({record['source']})",
    }
    notes = "".join(f"<li>{escape(note)}</li>" for note in _notes(record))
    warned = f'<ul class="notes" aria-label="Notes">{notes}</ul>' if notes else ""
    return (
        f'<header><p class="recipe">Evidence</p><h1>{TITLE}</h1><p class="subtitle">What its '
        "source claims, measured on walk-forward tests, with an interval each.</p>"
        f"{tables.facts(facts)}{warned}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(record))}</dl></header>'
    )


def _notes(record: Record) -> list[str]:
    notes = []
    if record["substitutes"]:
        notes.append(f"substitutes: {record['substitutes']}; the source's claims are not tested")
    elif record["shortfall"]:
        notes.append(record["shortfall"])
    if record["left_out"]:
        notes.append(f"left out, too few closes: {', '.join(record['left_out'])}")
    return notes


def _tiles(record: Record) -> list[str]:
    folds = record["folds"]
    complete = sum(f["complete"] for f in folds)
    years = f"{_years(folds[0], 'train')} + {_years(folds[0], 'test')} years"
    tiles = [tables.tile("Folds", str(len(folds)), (f"{complete} complete,", years))]
    labels = ("Explained by factors", "Rank correlation", "Sharpe ratio by Kalman")
    for label, answer in zip(labels, record["answers"], strict=True):
        lead = answer["numbers"][0]
        drawing = tables.whisker(lead["value"], lead["low"], lead["high"])
        tiles.append(tables.tile(label, _show(lead), (_span(lead), answer["answer"]), drawing))
    for best in (b for b in record["best"] if b["variant"] in ("first", "head")):
        label = f"Best of {best['cells']}"
        luck = (f"no skill: {number(best['ceiling'])}", VARIANTS[best["variant"]])
        tiles.append(tables.tile(label, number(best["sharpe"]), luck))
    return tiles


def _years(fold: Record, window: str) -> int:
    return round(
        int(fold[f"{window}_end"][:4])
        - int(fold[f"{window}_start"][:4])
        + (int(fold[f"{window}_end"][5:7]) - int(fold[f"{window}_start"][5:7])) / 12
    )


def _answer(record: Record) -> str:
    """Block of one question: answer and statistics; the first statistic decides."""
    word = record["answer"]
    badge = f'<span class="says {TONE.get(word, "unknown")}">{escape(word)}</span>'
    rows = [
        [
            escape(n["label"][0].upper() + n["label"][1:]),
            _show(n),
            _span(n),
            tables.whisker(n["value"], n["low"], n["high"]),
        ]
        for n in record["numbers"]
    ]
    head = ("Statistic", "Value", "90 % interval", "")
    table = tables.table(head, rows, record["question"], "metrics")
    text = f"The first statistic decides: {record['rule']}. {record['remark']}".strip()
    return f'<div class="answer">{table}<p>{badge} {escape(text)}</p></div>'


def _show(statistic: Record) -> str:
    return _text(statistic["kind"], statistic["value"])


def _text(kind: str, value: float) -> str:
    return percent(value) if kind == "share" else number(value, 3 if kind == "correlation" else 2)


def _span(statistic: Record) -> str:
    low, high = (_text(statistic["kind"], statistic[bound]) for bound in ("low", "high"))
    return f"{low} to {high}"


def _factors(record: Record) -> Section:
    scree, shapes = record["scree"], record["shapes"]
    verdict = "holds" if scree["enough"] else "does not hold"
    lead = (
        f"“More than {percent(scree['claimed'], 0)} with {scree['factors']} factors” {verdict} in "
        f"every training window: the smallest share is {percent(scree['smallest'])}, and the "
        f"window that needs most needs {scree['fewest']}. Excess kurtosis of the residuals: "
        f"{number(shapes['fixed']['pooled']['excess_kurtosis'], 1)}."
    )
    return Section(
        "Factors and residuals",
        lead=lead,
        figures=(
            figures.scree(scree, record["reference"]),
            figures.quantiles(record["quantiles"], shapes),
        ),
        after=evidence_tables.shapes(shapes),
    )


def _noises(record: Record) -> Section:
    cells = record["sensitivity"]
    largest = max(abs(c["sharpe"]) for c in cells)
    maps = (
        figures.heatmap(cells, "head", "As the later revision wrote it", largest),
        figures.heatmap(cells, "corrected-set", "Corrected", largest),
    )
    return Section(
        "Noise ratios",
        anchor="two-noises-one-ratio",
        lead=_ratio_lead(record["ratios"]),
        figures=maps,
        after=evidence_tables.ratios(record["ratios"]),
    )


def _ratio_lead(ratios: Sequence[Record]) -> str:
    """Lead on the noise ratios of the grid and the rank agreement within them."""
    shared = [r for r in ratios if len(r["cells"]) > 1]
    cells = sum(len(r["cells"]) for r in ratios)
    scaled = min((r["scaled"] for r in shared), default=float("nan"))
    worst = min(shared, key=lambda r: r["first"], default=None)
    if worst is None:
        return f"The grid's {cells} cells have {len(ratios)} ratios of noises."
    others = [r["first"] for r in shared if r is not worst]
    near = f", against {percent(min(others))} or more elsewhere" if others else ""
    exact = (
        f"With the starting covariance P0 scaled too, they are exactly {len(ratios)} filters"
        if scaled == 1.0
        else f"With the starting covariance P0 scaled too, {percent(scaled, 2)} of ranks agree"
    )
    return (
        f"The grid of {cells} cells holds {len(ratios)} ratios of noises. {exact}. With P0 = I "
        f"they are nearly so, least at ratio {worst['ratio']:g}: {percent(worst['first'])} of "
        f"daily ranks agree in the first fold{near}, {percent(worst['agreement'])} over all folds."
    )


def _strategies(record: Record) -> Section:
    best = [
        f"{VARIANTS[b['variant']]}: {number(b['sharpe'])} ({b['strategy']}), the best of "
        f"{b['cells']}; the best of so many without skill is expected to show "
        f"{number(b['ceiling'])} in {number(b['years'], 1)} years"
        for b in record["best"]
    ]
    items = "".join(f"<li>{escape(line[0].upper() + line[1:])}.</li>" for line in best)
    return Section(
        "Static and adaptive",
        lead="Fixed, rolling and filtered loadings side by side, each with both signals.",
        html=f"{evidence_tables.comparison(record['results'])}"
        f'<div class="luck"><h3>The best, and the best without skill</h3><ul>{items}</ul></div>',
        figures=(figures.growth(record["growth"]),),
    )


def _fold_lead(record: Record) -> str:
    folds = record["folds"]
    complete = sum(f["complete"] for f in folds)
    text = f"{len(folds)} folds by the calendar, {complete} of them complete"
    if complete < len(folds):
        last = folds[-1]
        text += f"; the last would end on {last['test_end']}, the data end on {record['period'][1]}"
    return f"{text}. All strategies are in per_fold.csv."


def _rules() -> str:
    return (
        "<p>Every residual is out of sample: components come from the training years of its fold, "
        "or from the window before it. Intervals are those of a stationary block bootstrap over "
        "test sessions; of a difference of Sharpe ratios, from its HAC error.</p>"
        "<p>A rank correlation is that of today's residuals, across assets, with returns of a "
        "later session. Residuals use the same closes as the next return, so noise in a "
        "close looks like reversal; the row with a session's delay leaves that noise out.</p>"
        "<p>Value at risk and expected shortfall are daily, at 95&nbsp;%. Turnover is two-way, a "
        "session. Costs are the year's sum, as a share of capital.</p>"
        '<p class="disclaimer">For research only. Not investment advice. The results are '
        "hypothetical: they were computed on past prices, and no such trades were made.</p>"
    )
