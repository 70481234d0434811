"""Sensitivity of the Sharpe ratio to delay, cost, fill, start and rotated decisions, as figures."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tiltwise.report.components.section import Figure, Section, Trace
from tiltwise.report.components.text import escape, number, plot_text
from tiltwise.report.components.traces import bars, line, values, whiskers
from tiltwise.report.run import sensitivity_text
from tiltwise.report.run.sensitivity_text import FigureText

if TYPE_CHECKING:
    from tiltwise.research.robustness.placebo import Placebo
    from tiltwise.research.robustness.replay import Point
    from tiltwise.research.robustness.robustness import Robustness
    from tiltwise.research.robustness.sensitivity import CostCurve, Curve

DEAREST_DRAWN = 60.0
"""Basis points up to which the break-even is drawn; beyond, only the caption has it."""
BINS = 24
HEIGHT = 250

Range = tuple[float, float]


def section(robustness: "Robustness") -> Section:
    """Section of the sensitivity figures, each with a caption on this run."""
    span = _range(robustness)
    own = math.nan if robustness.own is None else robustness.own.sharpe
    curves: list[tuple[Any, Callable[..., Figure]]] = [
        (robustness.delay, _delay),
        (robustness.cost, _cost),
        (robustness.fill, _fill),
        (robustness.start, _start),
    ]
    drawn = [draw(curve, own, span) for curve, draw in curves if curve is not None]
    if robustness.rotation is not None:
        drawn.append(_rotation(robustness.rotation))
    lead = sensitivity_text.LEAD if drawn else "No assumption could be varied."
    return Section("Sensitivity", "", tuple(drawn), lead, _notes(robustness), anchor="doubt")


def _delay(curve: "Curve", own: float, span: Range) -> Figure:
    ahead = [point for point in curve.points if point.tainted]
    fair = [point for point in curve.points if not point.tainted]
    x = [f"{point.setting:.0f}" for point in curve.points]
    return _figure(
        "Delay",
        (
            *([_dots([x[0]], ahead, "@loss", "circle-open")] if ahead else []),
            _dots(x[len(ahead) :], fair, "@accent"),
        ),
        {"title": {"text": "sessions to the first one earned"}, **_names(curve)},
        _reach(curve.points, span),
        own,
        sensitivity_text.delay(curve),
    )


def _cost(curve: "CostCurve", own: float, span: Range) -> Figure:
    x = [point.setting for point in curve.points]
    traces = [_dots(x, curve.points, "@accent", joined=True)]
    last, end = max(x), curve.break_even
    if end is not None and end <= DEAREST_DRAWN:
        traces += _end(end, last, curve.points[-1].sharpe)
        last = max(last, end)
    axis = {"title": {"text": "bps per side"}, "range": [-0.04 * last, 1.06 * last]}
    reach = _reach(curve.points, span)
    return _figure("Cost", tuple(traces), axis, reach, own, sensitivity_text.cost(curve))


def _end(end: float, last: float, sharpe: float) -> list[Trace]:
    """Mark of the break-even, and a dotted line to it beyond the last cost tried."""
    mark: Trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [float(f"{end:.4g}")],
        "y": [0.0],
        "text": [f"{end:.1f} bps"],
        "textposition": "top right" if end < 0.8 * last else "top left",
        "textfont": {"color": "@loss", "size": 12},
        "marker": {"color": "@loss", "size": 9, "symbol": "diamond", "line": {"width": 0}},
        "hovertemplate": "break-even at %{x:.1f} bps<extra></extra>",
        "showlegend": False,
    }
    if end <= last:
        return [mark]
    way = line([last, end], [sharpe, 0.0], "Way", "@accent", width=1.2, dash="dot")
    return [way | {"hoverinfo": "skip", "hovertemplate": None, "showlegend": False}, mark]


def _fill(curve: "Curve", own: float, span: Range) -> Figure:
    x = [point.label.partition(" (")[0] for point in curve.points]
    traces = (_dots(x, curve.points, "@accent"),)
    reach = _reach(curve.points, span)
    return _figure("Fill", traces, _names(curve), reach, own, sensitivity_text.fill(curve))


def _start(curve: "Curve", own: float, span: Range) -> Figure:
    x = [point.label for point in curve.points]
    axis = {"type": "date", "nticks": 5, "tickformat": "%d %b\n%Y"}
    traces = (_dots(x, curve.points, "@accent"),)
    reach = _reach(curve.points, span)
    return _figure("Start date", traces, axis, reach, own, sensitivity_text.start(curve))


def _rotation(placebo: "Placebo") -> Figure:
    reach = np.append(placebo.rotated, placebo.real)
    counts, edges = np.histogram(
        placebo.rotated, BINS, (float(reach.min()) - 1e-9, float(reach.max()) + 1e-9)
    )
    middles = values((edges[:-1] + edges[1:]) / 2.0)
    text = sensitivity_text.rotation(placebo)
    real, room = float(f"{placebo.real:.4g}"), 0.04 * float(reach.max() - reach.min())
    right = placebo.real > float(np.median(edges))
    return Figure(
        key="doubt-rotation",
        title="Rotation placebo",
        data=({**bars(list(middles), counts, "Rotations", "@gross", "d"), "showlegend": False},),
        layout={
            "xaxis": {
                "title": {"text": "Sharpe ratio of the rotated decisions"},
                "tickformat": "~g",
                "range": [float(reach.min()) - room, float(reach.max()) + room],
            },
            "yaxis": {"rangemode": "tozero", "nticks": 5},
            "bargap": 0.06,
            "hovermode": "closest",
            "shapes": [_rule("x", real, "@accent", "solid", 2.2)],
            "annotations": [
                {
                    "x": real,
                    "y": 1.0,
                    "yref": "paper",
                    "yanchor": "top",
                    "xanchor": "right" if right else "left",
                    "text": f"this run<br>p = {number(placebo.p_value, 3)}",
                    "align": "right" if right else "left",
                    "xshift": -6 if right else 6,
                    "showarrow": False,
                    "font": {"color": "@accent", "size": 12.5},
                }
            ],
        },
        alt=text.alt,
        caption=text.caption,
        height=HEIGHT,
    )


def _figure(
    title: str,
    traces: tuple[Trace, ...],
    axis: dict[str, Any],
    span: Range,
    own: float,
    text: FigureText,
) -> Figure:
    """Sharpe ratios over one setting, on the scale that the sweeps share."""
    room = 0.06 * (span[1] - span[0])
    return Figure(
        key=f"doubt-{title.split()[0].lower()}",
        title=title,
        data=traces,
        layout={
            "xaxis": {"zeroline": False, **axis},
            "yaxis": {
                "range": [span[0] - room, span[1] + room],
                "zeroline": True,
                "tickformat": "~g",
                "nticks": 6,
            },
            "hovermode": "closest",
            "shapes": [_rule("y", own, "@muted", "dot", 1.2)] if math.isfinite(own) else [],
        },
        alt=text.alt,
        caption=text.caption,
        height=HEIGHT,
        wide=False,
    )


def _dots(
    x: Sequence[Any],
    points: Sequence["Point"],
    color: str,
    symbol: str = "circle",
    joined: bool = False,
) -> Trace:
    """Sharpe ratios with their intervals as whiskers."""
    hover = [
        f"<b>{plot_text(p.label)}</b>: {number(p.sharpe)}"
        + (f"<br>{number(p.low)} to {number(p.high)}" if math.isfinite(p.low) else "")
        for p in points
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers" if joined else "markers",
        "x": list(x),
        "y": values(p.sharpe for p in points),
        "text": hover,
        "name": "Sharpe ratio",
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        "line": {"color": color, "width": 1.4},
        "marker": {
            "color": color,
            "size": 8,
            "symbol": symbol,
            "line": {"width": 2, "color": color},
        },
        "error_y": whiskers(((p.sharpe, p.low, p.high) for p in points), color, 1.3),
    }


def _rule(axis: str, at: float, color: str, dash: str, width: float) -> dict[str, Any]:
    """Line across the plot at a value of one axis."""
    other = "y" if axis == "x" else "x"
    place = {f"{axis}0": at, f"{axis}1": at, f"{other}0": 0, f"{other}1": 1}
    stroke = {"color": color, "dash": dash, "width": width}
    return {"type": "line", f"{other}ref": "paper", **place, "line": stroke}


def _range(robustness: "Robustness") -> Range:
    """Lowest and highest whisker over delay, fill and start, without look-ahead; includes zero."""
    curves = [robustness.delay, robustness.fill, robustness.start]
    points = [p for c in curves if c is not None for p in c.points if not p.tainted]
    return _reach(points, (0.0, 0.0))


def _reach(points: Sequence["Point"], span: Range) -> Range:
    """`span`, widened to all whiskers."""
    bounds = [v for p in points for v in (p.sharpe, p.low, p.high) if math.isfinite(v)]
    return min([span[0], *bounds]), max([span[1], *bounds])


def _names(curve: "Curve") -> dict[str, Any]:
    """Category axis of settings, with room on both sides."""
    return {"type": "category", "range": [-0.5, len(curve.points) - 0.5]}


def _notes(robustness: "Robustness") -> str:
    curves = [robustness.fill]
    notes = [note for c in curves if c is not None for note in c.notes]
    items = "".join(f"<li>{escape(note)}</li>" for note in (*notes, *robustness.notes))
    return f'<ul class="asides">{items}</ul>' if items else ""
