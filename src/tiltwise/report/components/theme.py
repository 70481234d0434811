"""Colours, type and the Plotly template that the report and the dashboard share.

A figure never names a colour. It names a *role*, written ``"@accent"``, and each role has one value
for light and one for dark. The style sheet declares the roles as custom properties, the page's
script reads them from there, and `template` resolves them in Python for static export: so text,
tables and plots change together and one list decides them all.

Blue stands for gain and orange for loss, a pair that survives all common colour deficiencies; the
series colours differ in lightness as well as in hue, so that neighbours in a stack stay apart.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

Mode = Literal["light", "dark"]

LIGHT: Mapping[str, str] = {
    "page": "#fbfaf7",
    "surface": "#ffffff",
    "ink": "#1c2126",
    "muted": "#5c646d",
    "line": "#e3e0d8",
    "grid": "#ebe9e3",
    "zero": "#b9b6ad",
    "accent": "#1b5e9e",
    "accent-soft": "rgba(27, 94, 158, 0.14)",
    "gross": "#7fa9d1",
    "benchmark": "#8d8478",
    "gain": "#2a71b4",
    "loss": "#c4561a",
    "loss-soft": "rgba(196, 86, 26, 0.20)",
    "band": "rgba(196, 86, 26, 0.07)",
    "warn": "#8a4b08",
    "ruin": "#b3261e",
    "warn-soft": "#fdf3e3",
    "series-1": "#3a4a9a",
    "series-2": "#7cc3e2",
    "series-3": "#2f9a8c",
    "series-4": "#d9c063",
    "series-5": "#a8518f",
    "series-6": "#8fb552",
    "series-7": "#c9603f",
    "series-8": "#5a7fc0",
    "series-9": "#e6a35a",
    "series-10": "#6a2048",
    "series-11": "#34895f",
    "series-12": "#d58fa0",
    "series-rest": "#c6c5bf",
}
"""Value of each role on a light page."""

DARK: Mapping[str, str] = {
    "page": "#13161a",
    "surface": "#1a1e23",
    "ink": "#e9e7e2",
    "muted": "#9ea6af",
    "line": "#2c3239",
    "grid": "#272c33",
    "zero": "#545c66",
    "accent": "#72b3f2",
    "accent-soft": "rgba(114, 179, 242, 0.16)",
    "gross": "#4b769f",
    "benchmark": "#b3a894",
    "gain": "#5aa4e6",
    "loss": "#ee8a4f",
    "loss-soft": "rgba(238, 138, 79, 0.24)",
    "band": "rgba(238, 138, 79, 0.09)",
    "warn": "#f2c27c",
    "ruin": "#ff8a7a",
    "warn-soft": "#2b2418",
    "series-1": "#8390e2",
    "series-2": "#93d3ef",
    "series-3": "#43b3a4",
    "series-4": "#e3cf80",
    "series-5": "#cb7cb6",
    "series-6": "#a5c96d",
    "series-7": "#e07d5c",
    "series-8": "#6f97da",
    "series-9": "#efb675",
    "series-10": "#a04a78",
    "series-11": "#5bb185",
    "series-12": "#e8aab8",
    "series-rest": "#596069",
}
"""Value of each role on a dark page."""

SERIES: tuple[str, ...] = tuple(f"@series-{n}" for n in range(1, 13))
"""Roles of the series colours, in the order of use."""

FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'
"""System fonts only: nothing is loaded."""

_AXIS: dict[str, Any] = {
    "automargin": True,
    "gridcolor": "@grid",
    "linecolor": "@line",
    "zerolinecolor": "@zero",
    "zerolinewidth": 1,
    "tickcolor": "@line",
    "tickfont": {"size": 12, "color": "@muted"},
    "title": {"font": {"size": 12, "color": "@muted"}, "standoff": 8},
}
_RULER = {"ticks": "outside", "spikecolor": "@zero", "spikethickness": 1, "spikedash": "solid"}
_TEXT = {"family": FONT, "size": 12.5, "color": "@ink"}
_LAYOUT: dict[str, Any] = {
    "font": _TEXT,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "colorway": list(SERIES),
    "margin": {"l": 8, "r": 10, "t": 8, "b": 28},
    "xaxis": {**_AXIS, "showgrid": False, "zeroline": False, "showline": True, **_RULER},
    "yaxis": {**_AXIS, "fixedrange": True, "ticks": ""},
    "showlegend": False,
    "hovermode": "x unified",
    "hoverlabel": {
        "bgcolor": "@surface",
        "bordercolor": "@line",
        "font": _TEXT,
        "align": "left",
        "namelength": -1,
    },
    "dragmode": "zoom",
    "bargap": 0.25,
}


def sheet(*names: str) -> str:
    """Style sheets of `tiltwise.report.assets` by name, joined in the order given."""
    folder = files("tiltwise.report.assets")
    return "".join(folder.joinpath(f"{name}.css").read_text("utf-8") for name in names)


def css() -> str:
    """Style sheet of the page: the roles as custom properties, then the rules that use them."""
    light, dark = _properties(LIGHT), _properties(DARK)
    return (
        f":root {{ color-scheme: light; --font: {FONT}; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) "
        f"{{ color-scheme: dark; {dark} }} }}\n"
        f"@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {dark} }} }}\n"
        + sheet("page")
    )


def template(mode: Mode | None = None) -> dict[str, Any]:
    """Plotly template; with colour roles when `mode` is None, else with that mode's colours."""
    plain: dict[str, Any] = {"layout": _LAYOUT}
    return plain if mode is None else resolve(plain, LIGHT if mode == "light" else DARK)


def resolve(value: Any, palette: Mapping[str, str], key: str = "") -> Any:
    """Copy of a figure part in which every colour role is replaced by its value in `palette`.

    Only the values of keys that name a colour are touched, so an asset called ``@accent`` keeps
    its name.
    """
    if isinstance(value, dict):
        return {name: resolve(part, palette, name) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(part, palette, key) for part in value]
    if isinstance(value, str) and "color" in key and value.startswith("@"):
        return palette[value[1:]]
    return value


def _properties(palette: Mapping[str, str]) -> str:
    return " ".join(f"--{role}: {value};" for role, value in palette.items())
