"""The evidence of the invented market of `claims_demo`, exported once for all tests."""

from pathlib import Path
from typing import Any

import pytest

import claims_demo
import worlds
from tiltwise.claims.systems.residual_momentum import export
from tiltwise.ledger import Ledger


def exported(factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a folder into which all three steps were run, and the last record."""
    return worlds.once(factory, "evidence", export_all)


def export_all(folder: Path) -> dict[str, Any]:
    """Run all three steps into a folder and return the last record."""
    export.export_returns(claims_demo.market(), folder, data="invented funds <1>")
    export.export_residuals(folder)
    return export.export_experiments(folder, Ledger(folder / "ledger"), jobs=1)
