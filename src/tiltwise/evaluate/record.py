"""From a backtest to its entry in the ledger: the one place where a trial gets its identity."""

import functools
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiltwise.ledger import Run
from tiltwise.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from tiltwise.backtest.result import Backtest


def run_of(
    backtest: "Backtest",
    metrics: "pd.DataFrame | None" = None,
    *,
    data: str = "",
    seed: int = 0,
    files: Mapping[str, bytes] | None = None,
) -> Run:
    """Return a backtest as the ledger records it.

    Parameters
    ----------
    backtest : what was scored.
    metrics : its `summary`, if it is to be kept with the row.
    data : what a reader calls the data, without folders.
    seed : of the intervals in `metrics` and `files`.
    files : further artefacts; they must follow from all of the above alone.
    """
    code = code_version(type(backtest.strategy)) + (f" seed {seed}" if seed else "")
    table = {} if metrics is None else metrics.to_dict("index")
    return Run(
        strategy=backtest.strategy.describe(),
        data_id=backtest.market_id,
        data=data,
        assets=tuple(backtest.weights.columns),
        simulator=backtest.simulator.describe(),
        start=f"{backtest.nav.index[0]:%Y-%m-%d}",
        end=f"{backtest.nav.index[-1]:%Y-%m-%d}",
        code=code,
        metrics={str(name): row for name, row in table.items()},
        returns=backtest.returns,
        files=files or {},
        notes=backtest.notes,
        tainted=backtest.simulator.allow_lookahead,
    )


@functools.cache
def code_version(strategy: type[Any]) -> str:
    """Return the version and a digest of the code that decides, a file of one's own included."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    if not strategy.__module__.startswith("tiltwise."):
        digest.update(_source(strategy))
    return f"{__version__}+{digest.hexdigest()}"


def _source(strategy: type[Any]) -> bytes:
    """Return the file a class comes from, or its name where it was typed into a session."""
    try:
        return Path(inspect.getfile(strategy)).read_bytes()
    except (OSError, TypeError):
        return strategy.__qualname__.encode()
