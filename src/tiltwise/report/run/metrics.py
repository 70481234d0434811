"""Labels, groups and number formats of the metrics of a summary."""

import math
from collections.abc import Iterable
from typing import get_args

from tiltwise.evaluate.metric import Group, Number
from tiltwise.report.components.text import GAP, number, percent


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Metrics by group, in the order of `Group`; empty groups are left out."""
    left = list(dict.fromkeys(names))
    known = sorted((n for n in map(_number, left) if n is not None), key=_place)
    groups = {title: [n.name for n in known if n.group == title] for title in get_args(Group)}
    groups["Other"] = [name for name in left if _number(name) is None]
    return {title: members for title, members in groups.items() if members}


def label(name: str) -> str:
    """Label of a metric on the page."""
    known = _number(name)
    return known.label if known else name.replace("_", " ").capitalize()


def show(name: str, value: float) -> str:
    """Value of a metric in its unit."""
    known = _number(name)
    unit = known.unit if known else "ratio"
    if known and known.fine:
        return percent(value, 2)
    if unit in ("share", "share a year"):
        return percent(value, 1 if abs(value) < 10.0 else 0)
    if unit == "periods":
        return number(value, 0)
    if unit in ("years", "count"):
        text = number(value, 1)
        return f"{text}{GAP}years" if unit == "years" and math.isfinite(value) else text
    return number(value, 3 if unit == "probability" else 2)


def _number(name: str) -> Number | None:
    from tiltwise.evaluate.metrics import COUNTED, METRICS  # compiles kernels: only for a page

    return METRICS.get(name) or COUNTED.get(name)


def _place(known: Number) -> tuple[bool, int]:
    """Place within a group: that of the summary, those marked last behind the others."""
    from tiltwise.evaluate.metrics import COUNTED, METRICS

    return known.last, [*METRICS, *COUNTED].index(known.name)
