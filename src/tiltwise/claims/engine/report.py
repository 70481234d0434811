"""Claim cards run and reported: one record per claimed number, one page for all of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.records import CardResult
from tiltwise.claims.engine.runner import Profile, run_card
from tiltwise.experiment.run import Bars, no_bars
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.report.claims import page
from tiltwise.report.components.document import save

KEYS = ("system", "claim", "claimed", "as_written", "corrected", "low", "high", "dsr", "verdict")
"""What every record begins with."""


def run_claims(
    systems: Sequence[str],
    market: Market,
    *,
    ledger: Ledger,
    profile: Profile = "sample",
    data: str = "",
    jobs: int | None = None,
    bars: Bars = no_bars,
) -> list[dict[str, Any]]:
    """Run the cards of some systems, write their page, and return one record per claimed number.

    Parameters
    ----------
    systems : names of cards; none for all.
    market : the data; other assets stand in where a card's are absent.
    ledger : where every path is recorded; the page goes to ``reports`` in its folder.
    profile, data, jobs : as of `runner.run_card`.
    bars : shows progress, card by card.

    Raises
    ------
    MissingData
        A system has no card, or the data hold not one fold of its walk-forward.
    """
    results = []
    for card in map(cards.read, systems or cards.names()):
        with bars(f"{card.system} on {data}") as bar:
            results.append(run_card(card, market, ledger, profile, bar, data=data, jobs=jobs))
    name = f"claims-{systems[0]}.html" if systems else "claims.html"
    path = ledger.folder / "reports" / name
    save(path, page.render([result.record() for result in results]))
    return [record for result in results for record in records(result, path)]


def records(result: CardResult, report: Path) -> list[dict[str, Any]]:
    """Return each claimed number as a plain record."""
    plain = result.record()
    common = {
        "data": result.data,
        "data_id": result.data_id,
        "substitutes": result.substitutes,
        "period": plain["period"],
        "measured": plain["measured"],
        "report": str(report),
    }
    return [{**{key: row[key] for key in KEYS}, **row, **common} for row in plain["rows"]]
