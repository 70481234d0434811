"""Small charts of single months as SVG: one bar for each asset."""

import math

import pandas as pd

from tiltwise.report.components.text import escape, percent
from tiltwise.report.components.theme import LIGHT

ROW, LEFT, WIDTH, RIGHT = 22, 90, 420, 70


def month_chart(title: str, bars: pd.Series) -> str:
    """Return a bar chart of shares by asset, negative ones to the left of the axis."""
    known = bars.dropna()
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 1e-9)
    unit = WIDTH / (high - low)
    zero, height = LEFT - low * unit, 44 + ROW * len(known)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
        f'height="{height}" role="img" font-family="system-ui, sans-serif" font-size="13" '
        f'fill="{LIGHT["ink"]}"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="{LIGHT["surface"]}"/>'
        f'<text x="8" y="22" font-weight="600">{escape(title)}</text>'
    ]
    for place, (asset, value) in enumerate(known.items()):
        top = 36 + ROW * place
        size, start = abs(value) * unit, zero + min(value, 0.0) * unit
        color = LIGHT["accent" if value >= 0 else "loss"]
        parts.append(
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(asset)}</text>'
            f'<rect x="{start:.1f}" y="{top}" width="{size:.1f}" height="{ROW - 6}" '
            f'fill="{color}"/><text x="{max(start + size, zero) + 6:.1f}" y="{top + 13}">'
            f"{escape(percent(value) if math.isfinite(value) else '')}</text>"
        )
    return "".join((*parts, "</svg>\n"))
