"""The gate of the holdout: no command sees a sealed period without a recorded reason."""

from pathlib import Path
from typing import Any

from tiltwise.cli import inputs
from tiltwise.errors import LookaheadError
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.research.holdout import Holdout


def admitted(folder: Path, data: str, market: Market, end: str | None, reason: str | None) -> None:
    """Raise if a run would see a sealed period; with a reason, record the opening instead.

    Raises
    ------
    LookaheadError
        The run reaches into the sealed period and no reason is given.
    """
    label = inputs.label(data)
    vault = Holdout(Ledger(folder))
    if label not in {row["data"] for row in status(folder)}:
        return
    shown = market if end is None else market.asof(end)
    if reason is None:
        try:
            vault.read(shown, label)
        except LookaheadError as error:
            error.add_note("here: --end before that day, or tiltwise run --open-vault 'the reason'")
            raise
        return
    with vault.open(label, reason):
        vault.read(shown, label)


def status(folder: Path) -> list[dict[str, Any]]:
    """Return each seal, with the reasons it was opened for and the looks into it by family."""
    vault = Holdout(Ledger(folder))
    labels = dict.fromkeys(
        str(entry.body["payload"]["label"]) for entry in vault.ledger.entries("vault-seal")
    )
    return [
        {
            "data": label,
            "sealed_from": f"{vault.sealed(label).start:%Y-%m-%d}",
            "opened": list(vault.openings(label)),
            "looks": vault.evaluations(label),
        }
        for label in labels
    ]
