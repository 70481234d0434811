"""A recorded run as JSON values: circumstances, metrics, checks, files."""

import dataclasses
from typing import Any

from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.research.robustness.robustness import Robustness


def describe(result: RecordedRun, recipe: str = "") -> dict[str, Any]:
    """Return a recorded run as JSON values; numbers may be NaN.

    Parameters
    ----------
    result : the run.
    recipe : what the user calls its strategy; default: the strategy's family.
    """
    run, backtest, counts = result.run, result.backtest, result.counts
    targets = backtest.weights.dropna(how="all")
    last = {} if targets.empty else {str(a): float(w) for a, w in targets.iloc[-1].items()}
    turnover = float(backtest.turnover.mean())
    folder = result.ledger.folder
    return {
        "run_id": run.id,
        "recipe": recipe or run.recipe,
        "strategy": dict(result.configuration or run.strategy),
        "data": run.data,
        "data_id": run.data_id,
        "start": run.start,
        "end": run.end,
        "sessions": len(backtest.nav),
        "fill": backtest.fill,
        "delay": backtest.delay,
        "metrics": result.summary.to_dict("index"),
        "trials": dataclasses.asdict(counts.selection),
        "grid": None if counts.grid is None else counts.grid.table().to_dict("index"),
        "vault": counts.vault or None,
        "turnover": {"one_way_daily": turnover / 2.0, "two_way_daily": turnover},
        "weights_last": last,
        "ruined": None if backtest.ruined is None else f"{backtest.ruined:%Y-%m-%d}",
        "tainted": run.tainted,
        "notes": list(run.notes),
        "files": {
            "report": str(result.page_path),
            **{n.partition(".")[0]: str(folder / "runs" / run.id / n) for n in sorted(run.files)},
        },
        "doubt": _sensitivity(result.robustness),
        "against": result.robustness.against.to_dict("index"),
        "yardsticks": None if result.benchmarks is None else result.benchmarks.to_json(),
        "risks": None if result.risks is None else result.risks.beyond(),
    }


def _sensitivity(checks: Robustness) -> dict[str, Any]:
    """Return the sensitivity sweeps and the rotation placebo."""
    curves = {name: getattr(checks, name) for name in ("delay", "cost", "fill", "start")}
    points = {
        name: [] if curve is None else [dataclasses.asdict(point) for point in curve.points]
        for name, curve in curves.items()
    }
    rotation = checks.rotation
    return {
        **points,
        "break_even_bps": None if checks.cost is None else checks.cost.break_even,
        "start_spread": checks.start_spread,
        "rotation_p": None if rotation is None else rotation.p_value,
        "rotations": 0 if rotation is None else len(rotation.rotated),
        "notes": list(checks.notes),
    }
