"""``tiltwise data check``: the state of a data set before anyone relies on it."""

from typing import Any

from tiltwise.cli import console
from tiltwise.market import quality, sample
from tiltwise.market.market import Market
from tiltwise.market.readers import files, store_folder
from tiltwise.market.store import Store


def examine(path: str, calendar: str) -> Any:
    """Return the quality report of a store, file or sample."""
    kind, _, rest = path.partition(":")
    if kind == "sample" and rest:
        return quality.quality(sample.frames(rest), calendar=calendar)
    if kind == "synthetic" and rest.isdigit():
        return quality.quality(Market.synthetic(int(rest)), calendar=calendar)
    if store_folder.is_store(path):
        return quality.quality(Store(path).read(), calendar=calendar)
    return quality.quality(files.read(path, check=False), calendar=calendar)


def print_report(report: Any, path: str) -> None:
    """Print the findings, worst first, and the verdict."""
    order = {"error": 0, "warning": 1, "info": 2}
    findings = sorted(report.findings, key=lambda f: order[f.severity])
    console.table(
        path,
        ["severity", "kind", "asset", "date", "detail", "action"],
        [
            [f.severity, f.kind, f.asset or "", str(f.date or "")[:10], f.detail, f.action]
            for f in findings
        ],
    )
    print("usable" if report.passed else "not usable: see the errors above")
