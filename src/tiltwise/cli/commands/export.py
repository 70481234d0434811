"""``tiltwise export``: the evidence behind residual momentum as files, in three commands.

Each runs alone from the files of the one before::

    tiltwise export returns --data sample:stocks --folder evidence
    tiltwise export residuals --from evidence
    tiltwise export experiments --from evidence
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Calendar, Config, Data, Json, Quiet

export = typer.Typer(
    help="Write the evidence behind residual momentum as files, step by step.", no_args_is_help=True
)

From = Annotated[Path, typer.Option("--from", help="folder that the step before wrote to")]
PAGE = "evidence.html"


@export.command()
def returns(
    folder: Annotated[Path, typer.Option(help="where the files go")],
    data: Data = None,
    start: Annotated[str | None, typer.Option(help="first close; default: the source's")] = None,
    end: Annotated[str | None, typer.Option(help="last close; default: the newest")] = None,
    benchmark: Annotated[str | None, typer.Option(help="fund of the whole market")] = None,
    calendar: Calendar = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Write closes and log returns without incomplete rows, and say how many were dropped.

    Example: tiltwise export returns --data sample:stocks --folder evidence
    """
    from tiltwise.claims.systems.residual_momentum import export as steps
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs

    where = configuration.read(config, data=data)
    market = inputs.market(where.data, benchmark=benchmark, calendar=calendar)
    label = inputs.label(where.data)
    result = steps.export_returns(market, folder, data=label, start=start, end=end)
    if json:
        console.emit_json({**result, "folder": str(folder)})
        return
    print(f"{result['rows']} returns of {_assets(result)}, {result['first']} to {result['last']}")
    print(f"{result['dropped_rows']} rows dropped because an asset had no close")
    if result["left_out"]:
        print(f"left out, too few closes: {', '.join(result['left_out'])}")
    _wrote(folder, steps.PRICES, steps.RETURNS, steps.ABOUT)


def _assets(result: dict[str, Any]) -> str:
    reference = f" and {result['reference']}" if result["reference"] else ""
    return f"{len(result['assets'])} assets{reference}"


@export.command()
def residuals(source: From, json: Json = False) -> None:
    """Write what fixed and rolling components leave of the returns, and their shares.

    Example: tiltwise export residuals --from evidence
    """
    from tiltwise.claims.systems.residual_momentum import export as steps

    result = steps.export_residuals(source)
    if json:
        console.emit_json({**result, "folder": str(source)})
        return
    scree = result["scree"]
    verdict = "above" if scree["enough"] else "not above"
    print(
        f"{scree['factors']} components explain at least {scree['smallest']:.1%} of variance in "
        f"{len(scree['windows'])} training windows: {verdict} the {scree['claimed']:.0%} claimed"
    )
    for name in ("fixed", "rolling"):
        shape = result["shapes"][name]
        print(
            f"{name} residuals: {shape['rows'] - shape['undefined_rows']} rows, "
            f"{shape['undefined_rows']} undefined; excess kurtosis "
            f"{shape['pooled']['excess_kurtosis']:.2f}, Jarque-Bera "
            f"{shape['pooled']['jarque_bera']:.0f}"
        )
    _wrote(source, steps.FIXED, steps.ROLLING, steps.SCREE, steps.SHAPES)


@export.command("experiments")
def run_experiments(
    source: From,
    folder: Annotated[
        Path | None, typer.Option(help="folder of the ledger; default .tiltwise")
    ] = None,
    config: Config = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="threads; results do not depend on it")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the walk-forward of every strategy and write results, folds and a page of evidence.

    Example: tiltwise export experiments --from evidence
    """
    from tiltwise.claims.engine import artefacts
    from tiltwise.claims.systems.residual_momentum import export as steps
    from tiltwise.cli import config as configuration
    from tiltwise.ledger import Ledger
    from tiltwise.report.claims import evidence_page

    where = configuration.read(config, folder=folder, jobs=jobs)
    with console.progress("walk-forward of every strategy", quiet) as bar:
        result = steps.export_experiments(
            source, Ledger(where.folder), jobs=where.jobs, progress=bar
        )
    page = artefacts.write(source / PAGE, evidence_page.render(result))
    if json:
        shown = {k: result[k] for k in ("answers", "folds", "best", "ratios", "results")}
        console.emit_json({**shown, "page": str(page), "folder": str(source)})
        return
    _print_answers(result)
    _wrote(source, steps.FOLDS, steps.RESULTS, steps.BY_FOLD, steps.SENSITIVITY, steps.EVIDENCE)
    print(f"page {page}")


def _print_answers(result: dict[str, Any]) -> None:
    rows = []
    for answer in result["answers"]:
        lead = answer["numbers"][0]
        values = (f"{lead[k]:.3f}" for k in ("value", "low", "high"))
        value, low, high = values
        rows.append(
            [answer["question"], answer["answer"], lead["label"], value, f"{low} to {high}"]
        )
    console.table("three questions", ["question", "answer", "statistic", "value", "90 %"], rows)
    complete = sum(fold["complete"] for fold in result["folds"])
    print(f"{len(result['folds'])} folds, {complete} complete; {len(result['results'])} strategies")
    for best in result["best"]:
        print(
            f"best of {best['cells']} ({best['variant']}): {best['strategy']}, Sharpe ratio "
            f"{best['sharpe']:.2f}; the best of so many without skill: {best['ceiling']:.2f}"
        )


def _wrote(folder: Path, *names: str) -> None:
    print(f"wrote {', '.join(str(folder / name) for name in names)}")
