"""Page of the claims: published, as-written and corrected numbers of each system.

It takes plain records (dictionaries, lists, numbers, growth as series), as
`tiltwise.claims.engine.records` writes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tiltwise.report.claims import figures
from tiltwise.report.claims.figures import METRICS, show, span
from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import NONE, escape, number, percent, slug
from tiltwise.report.components.theme import sheet

Record = Mapping[str, Any]

RULES = """<p><b>Reproduced</b>: the source's own arithmetic, defects included, gives
the source's number on the source's assets and period, within the tolerance of the claim card.</p>
<p><b>Survives</b> is judged on the corrected variant. A claim of profit survives if its 90&nbsp;%
interval lies above zero and its deflated Sharpe ratio reaches 95&nbsp;%. An advantage of one rule
over another survives if its interval lies above zero. Any other number survives if the corrected
interval holds it.</p>
<p>On substitutes for the source's assets, and on a shorter period, numbers are shown but nothing is
called reproduced. Where a source names no data, only what follows from arithmetic can be
tested. The deflated Sharpe ratio counts every trial that the ledger holds of the same
recipe and assets. A cell that the source leaves open is its best one.</p>
<p class="disclaimer">For research only. Not investment advice. The results are hypothetical: they
were computed on past prices, and no such trades were made.</p>"""


def render(cards: Sequence[Record]) -> str:
    """One HTML file for the claims of one or more systems; the same input gives the same bytes."""
    sections = []
    for card in cards:
        prefix = f"{card['system'].replace('_', ' ').capitalize()}: " if len(cards) > 1 else ""
        sections += _sections(card, prefix)
    sections.append(Section("Verdict rules", html=RULES, anchor="how-it-is-judged"))
    footer = (
        "<p>This page is one file and fetches nothing. Every number but the claimed ones was "
        "computed. Plots: plotly.js, MIT licence.</p>"
    )
    return document(
        "Published claims against the evidence",
        f"<style>{sheet('claims')}</style>{_header(cards)}",
        sections,
        footer,
    )


def _header(cards: Sequence[Record]) -> str:
    rows = [row for card in cards for row in card["rows"]]
    notes = dict.fromkeys(note for card in cards for note in card["notes"])
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    facts = {
        "Data": ", ".join(dict.fromkeys(f"{c['data']} (id {c['data_id'][:12]})" for c in cards)),
        "Test sessions": ", ".join(
            dict.fromkeys(f"{c['period'][0]} to {c['period'][1]}" for c in cards)
        ),
        "Sources": "; ".join(card["title"] for card in cards),
    }
    warned = f'<ul class="notes" aria-label="Notes">{listed}</ul>' if listed else ""
    return (
        '<header><p class="recipe">Claims</p><h1>Published claims against the evidence</h1>'
        '<p class="subtitle">Each number as its source published it, as its own arithmetic gives '
        "it here, and after its defects are put right one by one.</p>"
        f"{tables.facts(facts)}{warned}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(cards, rows))}</dl></header>'
    )


def _tiles(cards: Sequence[Record], rows: Sequence[Record]) -> list[str]:
    boasts = [r for r in rows if r["metric"] == "sharpe" and r["claimed"] > 0]
    tried = sum(len(g["cells"]) for card in cards for g in card["grids"])
    trials = sum(sum(card["trials"].values()) for card in cards)
    tiles = [
        tables.tile("Numbers claimed", str(len(rows)), (f"sources: {len(cards)}",)),
        _share("Reproduced", [r["reproduced"] for r in rows]),
        _share("Survive correction", [r["survives"] for r in rows], _boasts(rows)),
    ]
    if boasts:
        best = max(boasts, key=lambda r: r["claimed"])
        corrected = f"corrected {number(best['corrected'])}"
        details = (corrected, span("sharpe", best["low"], best["high"]))
        tiles.append(tables.tile("Best Sharpe claimed", number(best["claimed"]), details))
    ceilings = [g["ceiling"] for card in cards for g in card["grids"]]
    tiles.append(
        tables.tile(
            "Noise ceiling", number(max(ceilings)), ("best of the largest grid,", "no skill")
        )
    )
    tiles.append(
        tables.tile("Trials counted", str(trials), (f"{tried} cells of grids", "and every step"))
    )
    return tiles


def _boasts(rows: Sequence[Record]) -> str:
    known = [r["survives"] for r in rows if r["skill"] and r["survives"] is not None]
    return f"{sum(known)} of {len(known)} claims of skill"


def _share(label: str, verdicts: Sequence[bool | None], more: str = "") -> str:
    known = [v for v in verdicts if v is not None]
    if not known:
        return tables.tile(label, NONE, ("not testable", "on this data"))
    details = ("numbers", more) if more else ("numbers",)
    return tables.tile(label, f"{sum(known)} of {len(known)}", details)


def _sections(card: Record, prefix: str) -> list[Section]:
    """Sections of one card."""
    system = card["system"]
    drawn = [w for w in card["waterfalls"] if _varies(w)]
    claimed = Section(f"{prefix}Claims", html=_claims_table(card) + _measured_table(card))
    fixes = Section(
        f"{prefix}Fix by fix",
        html=_fix_list(card),
        figures=tuple(figures.waterfall(system, w) for w in drawn),
        lead="From each published number to the corrected one, one change at a time. From the "
        "step called one simulator on, every number comes from the same simulator.",
    )
    grids = Section(
        f"{prefix}All trials",
        anchor=slug(f"{prefix}All that was tried"),
        figures=(
            *(figures.grid(system, g, card["years"]) for g in card["grids"] if g["cells"]),
            figures.luck(system, card),
        ),
        lead="A result picked from a grid is shown with the rest of the grid.",
    )
    folds = Section(f"{prefix}Folds", html=_fold_table(card), lead=_fold_lead(card))
    simple = Section(
        f"{prefix}Against simple rules",
        figures=(figures.growth(system, card["growth"]),),
        after=_baseline_table(card),
    )
    sections = [claimed, fixes, grids, folds, simple]
    if card["sweeps"]:
        sections.append(Section(f"{prefix}Costs and delays", html=_sweep_table(card)))
    return sections


def _varies(record: Record) -> bool:
    """Whether the steps have a metric that is drawn as a waterfall."""
    boasts = ("sharpe", "gross_sharpe", "sharpe_gap", "cagr", "error_share")
    return any(m in boasts for m in record["steps"][0]["numbers"])


def _measured_table(card: Record) -> str:
    """Table of measured configurations where the source gives no data; else empty."""
    if not card["measured"]:
        return ""
    interval = "90 % interval"
    head = ["Configuration", "Sharpe ratio before costs", interval, "After costs", interval]
    head.append("One-way turnover a day")
    rows = []
    for measured in card["measured"]:
        ratios = [
            cell
            for e in (measured["gross"], measured["net"])
            for cell in (number(e["value"]), span("sharpe", e["low"], e["high"]))
        ]
        rows.append([escape(measured["name"]), *ratios, percent(measured["one_way"])])
    where = card["substitutes"] or "the funds of the first source"
    caption = f"Measured instead, on {card['data']} ({where})"
    return tables.table(head, rows, caption, "plain")


def _claims_table(card: Record) -> str:
    reference = next(iter(card["baselines"]))
    complete = sum(fold["complete"] for fold in card["folds"])
    head = [
        ("Claim", ""),
        ("Claimed", ""),
        (f"As written, {len(card['folds'])} folds", ""),
        (f"{complete} complete folds", "more"),
        ("Corrected", ""),
        ("90 % interval", "more"),
        ("Sharpe before costs", "more"),
        ("After costs", "more"),
        ("Deflated Sharpe", "more"),
        (reference, "more"),
        ("Repro\u00adduced", ""),
        ("Survives", ""),
    ]
    top = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' for name, kind in head)
    body, last = "", ""
    for row in card["rows"]:
        if row["text"] != last:
            last = row["text"]
            body += (
                f'<tr class="of"><th colspan="{len(head)}" scope="rowgroup">{escape(last)}'
                f"<span>{escape(row['place'])}</span></th></tr>"
            )
        body += _claim_row(row, reference)
    caption = f"{card['title']}"
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f'<table class="claims"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _claim_row(row: Record, reference: str) -> str:
    metric = row["metric"]
    dsr = row["dsr"]
    base = row["baselines"].get(reference, float("nan"))
    deflated = percent(dsr) if dsr == dsr else NONE
    interval = span(metric, row["low"], row["high"])
    drawing = tables.whisker(row["corrected"], row["low"], row["high"])
    cells = [
        ("", "&gt; 0" if metric == "sharpe_gap" else show(metric, row["claimed"])),
        ("", show(metric, row["as_written"])),
        ("more", show(metric, row["complete_folds"])),
        ("", f"<b>{show(metric, row['corrected'])}</b>"),
        ("more", f"{interval}{drawing}" if interval else NONE),
        ("more", number(row["gross_sharpe"])),
        ("more", number(row["net_sharpe"])),
        ("more", f"{deflated}<small>{row['trials']} trials</small>" if dsr == dsr else NONE),
        ("more", show(metric, base)),
    ]
    columns = "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells) + _verdicts(row)
    return f'<tr><th scope="row">{escape(METRICS[metric])}</th>{columns}</tr>'


def _verdicts(row: Record) -> str:
    """Cells of both verdicts, or one where not testable; the reason is their tooltip."""
    reason = escape(row["reason"])
    if row["reproduced"] is None:
        return (
            f'<td colspan="2"><span class="says unknown" title="{reason}">not testable</span></td>'
        )
    words = [("yes" if row[name] else "no") for name in ("reproduced", "survives")]
    return "".join(
        f'<td><span class="says {word}" title="{reason}">{word}</span></td>' for word in words
    )


def _fix_list(card: Record) -> str:
    """List of the variants, each with its fixes in order."""
    variants: dict[str, dict[str, str]] = {}
    words: dict[str, str] = {}
    for record in card["waterfalls"]:
        fixes = variants.setdefault(record["variant"], {})
        words[record["variant"]] = record["steps"][1]["text"]
        longest = {step["label"]: step["text"] for step in record["steps"][2:]}
        if len(longest) > len(fixes):
            variants[record["variant"]] = longest
    titles = {grid["id"]: grid["title"] for grid in card["grids"]}
    parts = []
    for variant, fixes in variants.items():
        items = "".join(f"<li><b>{escape(k)}</b>: {escape(v)}</li>" for k, v in fixes.items())
        parts.append(
            f"<div><h3>{escape(titles[variant])}</h3><p>{escape(words[variant])}</p>"
            f'<ol class="fixes">{items}</ol></div>'
        )
    return f'<div class="variants">{"".join(parts)}</div>'


def _fold_lead(card: Record) -> str:
    folds = card["folds"]
    complete = sum(fold["complete"] for fold in folds)
    text = f"{len(folds)} folds, {complete} of them complete."
    if complete < len(folds):
        text += " The last is cut by the data; a column of the claims table leaves it out."
    return f"{text} Total return in each test year, as written and corrected."


def _fold_table(card: Record) -> str:
    names = {row["claim"].split(".")[0]: row["text"] for row in card["rows"]}
    claims = list(card["folds"][0]["as_written"])
    parts = []
    for what, title in (("as_written", "As written"), ("corrected", "Corrected")):
        head = ("Test from", "Sessions", *(names[c] for c in claims))
        rows = [
            [
                escape(fold["test"] + ("" if fold["complete"] else " (cut)")),
                str(fold["sessions"]),
                *(percent(fold[what][claim]) for claim in claims),
            ]
            for fold in card["folds"]
        ]
        parts.append(tables.table(head, rows, f"{title}: total return by fold", "folds"))
    return "".join(parts)


def _baseline_table(card: Record) -> str:
    head = ["Rule", "Sharpe before costs", "After costs", "90 % interval", "Total return"]
    head.append("Max. drawdown")
    rows = [
        [
            escape(name),
            number(rule["gross_sharpe"]["value"]),
            number(rule["sharpe"]["value"]),
            span("sharpe", rule["sharpe"]["low"], rule["sharpe"]["high"]),
            percent(rule["total_return"]["value"]),
            percent(rule["max_drawdown"]["value"]),
        ]
        for name, rule in card["baselines"].items()
    ]
    return tables.table(head, rows, "Simple rules over the same sessions", "plain")


def _sweep_table(card: Record) -> str:
    names = {row["claim"].split(".")[0]: row["text"] for row in card["rows"]}
    units = {"cost": "bps a side", "delay": "sessions to the first earning one"}
    rows = [
        [
            escape(names[point["claim"]]),
            f"{escape(point['kind'])} {number(point['setting'], 0)} {units[point['kind']]}",
            number(point["sharpe"]["value"]),
            span("sharpe", point["sharpe"]["low"], point["sharpe"]["high"]),
        ]
        for point in card["sweeps"]
    ]
    head = ("Claim", "Setting", "Sharpe ratio", "90 % interval")
    return tables.table(head, rows, "Corrected variant under other costs and delays", "plain")
