"""The evidence of the invented market of `claims_demo`, exported once for all tests."""

from pathlib import Path
from typing import Any

import claims_demo
from tiltwise.claims.systems.residual_momentum import export
from tiltwise.ledger import Ledger


def exported(folder: Path) -> dict[str, Any]:
    """Run all three steps into a folder and return the last record."""
    export.export_returns(claims_demo.market(), folder, data="invented funds <1>")
    export.export_residuals(folder)
    return export.export_experiments(folder, Ledger(folder / "ledger"), jobs=1)
