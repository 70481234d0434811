"""Numbers and names as a reader sees them."""

import html
import math
import re
from typing import Any

MINUS = "\N{MINUS SIGN}"
GAP = "\N{NARROW NO-BREAK SPACE}"
NONE = "\N{EN DASH}"


def escape(value: object) -> str:
    """Text that is safe inside markup and inside a quoted attribute."""
    return html.escape(str(value), quote=True)


def plot_text(value: object) -> str:
    """Text that Plotly shows as it is, instead of reading it as its subset of HTML."""
    return html.escape(str(value), quote=False)


def slug(value: str) -> str:
    """Identifier for a heading."""
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") or "section"


def number(value: Any, digits: int = 2, *, signed: bool = False) -> str:
    """Fixed count of decimals, grouped thousands, a true minus; a dash for what is no number."""
    if value in (math.inf, -math.inf):
        return "\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    if not _finite(value):
        return NONE
    text = f"{abs(float(value)):,.{digits}f}".replace(",", GAP)
    if float(text.replace(GAP, "")) == 0.0:
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(value: Any, digits: int = 1, *, signed: bool = False) -> str:
    """Decimal share as a percentage: 0.0123 is 1.2 %."""
    if not _finite(value):
        return number(value)
    return f"{number(100.0 * float(value), digits, signed=signed)}{GAP}%"


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False
