"""Formatting of numbers and escaping of texts."""

import html
import math
import re

MINUS = "\N{MINUS SIGN}"
GAP = "\N{NARROW NO-BREAK SPACE}"
NONE = "\N{EN DASH}"
INFINITE = "\N{INFINITY}"


def escape(value: object) -> str:
    """Text that is safe inside markup and inside a quoted attribute."""
    return html.escape(str(value), quote=True)


def plot_text(value: object) -> str:
    """Text that Plotly shows as it is, instead of reading it as its subset of HTML."""
    return html.escape(str(value), quote=False)


def slug(value: str) -> str:
    """Identifier for a heading."""
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") or "section"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Fixed count of decimals, grouped thousands, a true minus; a dash for what is no number."""
    if math.isnan(value):
        return NONE
    text = f"{abs(value):,.{digits}f}".replace(",", GAP) if math.isfinite(value) else INFINITE
    if not text.strip("0."):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """Decimal share as a percentage: 0.0123 is 1.2 %."""
    text = number(100.0 * value, digits, signed=signed)
    return f"{text}{GAP}%" if math.isfinite(value) else text
