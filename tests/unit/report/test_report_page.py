"""Run page: one file, reproducible bytes, no requests, escaped texts (3.49, 4.63)."""

import dataclasses
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import report_demo
from tiltwise.errors import DataError
from tiltwise.report.components import document
from tiltwise.report.components.section import Choice, Figure, Section
from tiltwise.report.run import page

EVIL = "<script>alert('x')</script>&\"@ink</script><!--"


@pytest.fixture(scope="module")
def long_short():
    return report_demo.long_short(700)


@pytest.fixture(scope="module")
def html(long_short):
    return page.render(long_short)


class Reader(HTMLParser):
    """Text, attributes and scripts of a page."""

    def __init__(self, html):
        super().__init__()
        self.attributes, self.texts, self.scripts, self.inside = [], [], [], None
        self.feed(own(html))

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    @property
    def store(self):
        return json.loads(self.scripts[0])


def own(html):
    """The page without the Plotly bundle."""
    return html.replace(document.plotly_js(), "")


def figure(store, key):
    """Data of a figure with the shared columns put back."""

    def full(part):
        if isinstance(part, dict):
            if "$column" in part:
                return store["columns"][part["$column"]]
            return {name: full(inner) for name, inner in part.items()}
        return [full(inner) for inner in part] if isinstance(part, list) else part

    return full(store["figures"][key]["data"])


def test_the_same_run_gives_the_same_bytes(long_short, html):
    assert page.render(long_short) == html
    assert page.render(report_demo.long_short(700)) == html


def test_nothing_is_fetched(html):
    for tag, name, value in Reader(html).attributes:
        if name in {"src", "href", "srcset", "action", "data", "poster", "background"}:
            assert value.startswith(("#", "data:")), (tag, name, value)
    text = own(html)
    assert not re.search(r"https?:", text)
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"\bimport\s*\(|\bfetch\s*\(|XMLHttpRequest", text)
    policy = next(v for _, n, v in Reader(html).attributes if n == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none'")


def test_the_bundle_is_there_once(html):
    assert html.count(document.plotly_js()) == 1
    assert len(Reader(html).scripts) == 3


def test_importing_the_report_loads_no_plotly():
    code = (
        "import sys, tiltwise.report.run.page;"
        "print([name for name in ('plotly', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rendering_loads_no_plotly():
    code = (
        "import sys; sys.path.insert(0, 'tests'); import report_demo;"
        "from tiltwise.report.run.page import render; render(report_demo.long_only(60));"
        "print('plotly' in sys.modules)"
    )
    root = document.__file__.rsplit("/src/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "False"


def test_every_text_is_escaped(long_short):
    names = {"SPY": EVIL}
    run = dataclasses.replace(
        long_short,
        title=EVIL,
        recipe=EVIL,
        subtitle=EVIL,
        facts={EVIL: EVIL},
        notes=[EVIL],
        taint=EVIL + "t",
        benchmark_name=EVIL,
        disclaimer=EVIL,
        held=long_short.held.rename(columns=names),
        decisions=long_short.decisions.rename(columns=names),
        costs=long_short.costs.rename(columns={"spread": EVIL}),
        summary=long_short.summary.rename(index={"skew": EVIL}),
    )
    reader = Reader(page.render(run))
    assert len(reader.scripts) == 3
    assert EVIL in reader.text
    assert EVIL not in own(page.render(run))
    # Plotly reads names as markup, so there they are escaped once more.
    names = [trace["name"] for trace in figure(reader.store, "weights")]
    assert "&lt;script&gt;alert('x')&lt;/script&gt;&amp;\"@ink&lt;/script&gt;&lt;!--" in names


def test_the_plots_show_the_run(long_short, html):
    store = Reader(html).store
    lines = {trace["name"]: trace for trace in figure(store, "growth")}
    assert list(lines) == [
        "SPY",
        "SPY, drawdown",
        "Before costs",
        "Strategy, net",
        "Strategy, net, drawdown",
        "Refit",
    ]
    path = (1 + long_short.returns).cumprod()
    assert lines["Strategy, net"]["y"] == pytest.approx(path.tolist(), rel=1e-4)
    assert lines["Strategy, net"]["x"][0] == f"{path.index[0]:%Y-%m-%d}"
    fall = path / path.cummax().clip(lower=1) - 1
    drawn = lines["Strategy, net, drawdown"]["y"]
    assert drawn == pytest.approx(fall.tolist(), rel=1e-4, abs=1e-9)
    assert lines["Refit"]["x"] == [f"{day:%Y-%m-%d}" for day in long_short.refits]
    paid = figure(store, "costs")
    assert [trace["name"] for trace in paid] == ["Spread", "Impact", "Borrow"]
    total = sum(trace["y"][-1] for trace in paid)
    assert total == pytest.approx(long_short.costs.sum().sum(), rel=1e-3)
    bars = figure(store, "turnover")[0]
    assert sum(bars["y"]) == pytest.approx(long_short.turnover.sum(), rel=1e-3)


def test_longs_stack_above_zero_and_shorts_below(long_short, html):
    traces = figure(Reader(html).store, "weights")
    assert len(traces) == 20
    for trace in traces:
        values = np.array(trace["y"])
        assert (values >= 0).all() if trace["stackgroup"] == "long" else (values <= 0).all()
        assert [told == "all" for told in trace["hoverinfo"]] == (values != 0).tolist()
    both = np.sum([trace["y"] for trace in traces], axis=0)
    assert both == pytest.approx(long_short.held.sum(axis=1).tolist(), abs=1e-4)


def test_the_key_numbers_come_from_the_summary(long_short, html):
    head = " ".join(Reader(html).text.split()).split("Growth of one unit")[0]
    value, low, high = long_short.summary.loc["sharpe"]
    assert f"Sharpe ratio {value:.2f} {low:.2f} to {high:.2f} 90 % interval" in head
    traded = long_short.summary.loc["turnover_one_way", "value"]
    assert f"Turnover a year {100 * traded:.1f} % one-way" in head
    drag = long_short.summary.loc["cost_drag", "value"]
    assert f"Cost drag a year \u2212{100 * drag:.2f} %" in head


def test_the_benchmark_is_measured_over_the_same_sessions(long_short):
    run = dataclasses.replace(long_short, benchmark_returns=long_short.returns)
    cagr = (1 + long_short.returns).prod() ** (252 / len(long_short.returns)) - 1
    table = long_short.summary.copy()
    table.loc["cagr", "value"] = cagr + 0.01
    text = Reader(page.render(dataclasses.replace(run, summary=table))).text
    assert "+1.0\u202f%" in text


def test_without_a_benchmark_nothing_speaks_of_one(long_short):
    table = long_short.summary.drop(["beta", "alpha", "tracking_error", "information_ratio"])
    run = dataclasses.replace(long_short, benchmark_returns=None, summary=table)
    reader = Reader(page.render(run))
    assert "enchmark" not in reader.text
    assert len(figure(reader.store, "rolling-sharpe-ratio")) == 1
    assert len(figure(reader.store, "years")) == 1


def cut(run, count):
    parts = ("returns", "gross_returns", "held", "costs", "turnover", "benchmark_returns")
    short = {name: getattr(run, name).iloc[:count] for name in parts}
    return dataclasses.replace(run, refits=None, decisions=run.decisions.iloc[:1], **short)


@pytest.mark.parametrize("count", [1, 2, 40, 251])
def test_a_short_run_says_what_is_missing(long_short, count):
    reader = Reader(page.render(cut(long_short, count)))
    assert f"The run has {count} sessions; rolling measures need 252." in reader.text
    assert not any(key.startswith("rolling") for key in reader.store["figures"])
    assert "growth" in reader.store["figures"]


def test_a_run_without_sessions_is_refused(long_short):
    with pytest.raises(DataError, match="no session to report"):
        page.render(cut(long_short, 0))


def test_a_run_that_held_nothing(long_short):
    nothing = dataclasses.replace(
        long_short, returns=long_short.returns * 0, held=long_short.held * 0, decisions=None
    )
    reader = Reader(page.render(nothing))
    assert "Book at the close" not in reader.text


def test_ruin_is_said_and_drawn(long_short):
    returns = long_short.returns.copy()
    returns.iloc[300] = -1.0
    returns.iloc[301:] = 0.0
    reader = Reader(page.render(dataclasses.replace(long_short, returns=returns)))
    assert f"lost all its capital on {returns.index[300]:%Y-%m-%d}" in reader.text
    net = next(t for t in figure(reader.store, "growth") if t["name"] == "Strategy, net")
    assert net["y"][300:] == [0.0] * (len(returns) - 300)


def test_a_single_asset(long_short):
    weights = pd.DataFrame(1.0, index=long_short.returns.index, columns=["SPY"])
    run = dataclasses.replace(long_short, held=weights, decisions=weights.iloc[:1])
    store = Reader(page.render(run)).store
    assert "concentration" not in store["figures"]
    assert "exposure" not in store["figures"]
    assert [trace["name"] for trace in figure(store, "weights")] == ["SPY"]


def test_many_assets_are_drawn_as_twelve_and_the_rest():
    index = report_demo.sessions(50)
    size = np.linspace(0.01, 0.09, 20)
    held = pd.DataFrame(np.tile(size / size.sum(), (50, 1)), index=index)
    held.columns = [f"A{n}" for n in range(20)]
    run = report_demo.long_only(51)
    store = Reader(page.render(dataclasses.replace(run, held=held, decisions=None))).store
    traces = figure(store, "weights")
    assert [t["name"] for t in traces] == [*(f"A{n}" for n in range(8, 20)), "8 others"]
    assert sum(trace["y"][-1] for trace in traces) == pytest.approx(1.0, abs=1e-4)


def test_sessions_without_a_turnover_entry_had_none(long_short):
    sparse = long_short.turnover[long_short.turnover > 0]
    assert len(sparse) < len(long_short.turnover) / 2
    run = dataclasses.replace(long_short, turnover=sparse)
    assert page.render(run) == page.render(long_short)


def test_look_ahead_is_shouted_once(long_short):
    taint = "look-ahead allowed: this is a measurement of a leak, not a result"
    reader = Reader(page.render(dataclasses.replace(long_short, taint=taint, notes=(taint,))))
    head = reader.text.split("Deepest drawdowns")[0]
    assert head.count(taint) == 1
    assert any(value == "alarm" for _, name, value in reader.attributes if name == "class")


def test_long_paths_are_thinned():
    run = report_demo.long_only(5400)
    net = next(
        t for t in figure(Reader(page.render(run)).store, "growth") if t["name"] == "Strategy, net"
    )
    assert 4000 < len(net["y"]) <= 5000
    path = (1 + run.returns).cumprod()
    assert max(net["y"]) == pytest.approx(path.max(), rel=1e-4)


def test_the_disclaimer_is_there(html):
    text = Reader(html).text
    assert "For research only. Not investment advice" in text
    assert "hypothetical" in text


def test_sections_compose(long_short):
    extra = Section(
        "Null world",
        html="<p>made markup</p>",
        figures=(
            Figure(
                key="null-histogram",
                title="Null <b>worlds</b>",
                data=({"type": "bar", "x": [0, 1], "y": [3, 4]},),
                layout={},
                alt="Three and four.",
                choices=(Choice("One"), Choice("Two", {"yaxis.type": "log"}, (0,))),
            ),
        ),
        after="<p>tail</p>",
    )
    html = page.render(long_short, [extra])
    assert html.index('id="all-metrics"') < html.index('id="null-world"')
    assert html.index("made markup") < html.index("Null &lt;b&gt;worlds") < html.index(">tail<")
    assert html.index('id="null-world"') < html.index('id="assumptions"')
    spec = Reader(html).store["figures"]["null-histogram"]
    assert spec["data"] == [{"type": "bar", "x": [0, 1], "y": [3, 4]}]
    assert spec["choices"][1] == {"label": "Two", "layout": {"yaxis.type": "log"}, "traces": [0]}
    with pytest.raises(ValueError, match="null-world"):
        page.render(long_short, [extra, extra])


def test_data_cannot_end_their_script(long_short):
    data = ({"type": "bar", "x": [EVIL], "y": [1.0], "name": "\u2028"},)
    extra = Section("More", figures=(Figure("more", EVIL, data, {}, EVIL, EVIL),))
    reader = Reader(page.render(long_short, [extra]))
    assert len(reader.scripts) == 3
    assert figure(reader.store, "more") == list(data)
    assert ("div", "aria-label", EVIL) in reader.attributes


def test_months_of_the_heat_map_and_their_year(long_short, html):
    cells = re.findall(r'<th scope="row">2014</th>(.*?)</tr>', html)[0]
    shown = [float(v.replace("\u2212", "-")) for v in re.findall(r">([\u2212\d.]+)</[ib]>", cells)]
    returns = long_short.returns[long_short.returns.index.year == 2014]
    months = (1 + returns).groupby(returns.index.month).prod() - 1
    year = np.prod(1 + returns) - 1
    assert shown == pytest.approx([*(100 * months), 100 * year], abs=0.051)
