"""The report as a reader meets it: drawn, on a phone, in the dark, on paper, by keyboard."""

import pytest

import report_demo
from tiltwise.report.run.page import render

pytestmark = pytest.mark.slow

DRAWN = "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
NET = (
    "(() => { const p = document.querySelector('[data-figure=growth] .plot');"
    "return p._fullData.find(t => t.name === 'Strategy, net') })()"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    made = {"long_short": report_demo.long_short(900), "long_only": report_demo.long_only(700)}
    for name, run in made.items():
        (folder / f"{name}.html").write_text(render(run), "utf-8")
    return folder


def colour(tab, what, property="backgroundColor"):
    return tab.evaluate(f"getComputedStyle(document.querySelector('{what}')).{property}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["long_short", "long_only"])
def test_the_page_is_drawn_without_a_word_or_a_request(browser, pages, name, width, dark):
    with browser.open(pages / f"{name}.html", width, 844, dark=dark) as tab:
        assert tab.evaluate(DRAWN)
        assert tab.evaluate("document.querySelectorAll('.plot').length") >= 9
        assert tab.evaluate("innerWidth") == width
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert colour(tab, "body") == ("rgb(19, 22, 26)" if dark else "rgb(251, 250, 247)")
        line = tab.evaluate(f"{NET}.line.color")
        assert line == ("#72b3f2" if dark else "#1b5e9e")
        shot = tab.screenshot(pages / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        assert shot.stat().st_size > 100_000
        assert tab.console() == []
        assert tab.requests() == []


def test_plots_fit_their_column(browser, pages):
    widths = (
        "[...document.querySelectorAll('.plot')].map(p => "
        "p.clientWidth - p.querySelector('.main-svg').getBoundingClientRect().width)"
    )
    with browser.open(pages / "long_short.html", 390, 844) as tab:
        assert all(abs(gap) <= 1 for gap in tab.evaluate(widths))
        tab.resize(1280, 900)
        tab.wait(f"{widths}.every(gap => Math.abs(gap) <= 1)")


def test_the_switch_turns_text_and_plots_and_is_kept(browser, pages):
    with browser.open(pages / "long_short.html") as tab:
        tab.evaluate("document.getElementById('theme').focus()")
        tab.press("Enter")
        assert colour(tab, "body") == "rgb(19, 22, 26)"
        tab.wait(f"{NET}.line.color === '#72b3f2'")
        assert tab.evaluate("document.getElementById('theme').textContent") == "Light"
        tab.call("Page.reload")
        tab.wait("document.readyState === 'complete' && window.Plotly")
        assert colour(tab, "body") == "rgb(19, 22, 26)"
        assert tab.console() == []


def test_plots_follow_the_system_colours(browser, pages):
    with browser.open(pages / "long_only.html") as tab:
        tab.media(dark=True)
        tab.wait(f"{NET}.line.color === '#72b3f2'")
        tab.media(dark=False)
        tab.wait(f"{NET}.line.color === '#1b5e9e'")


def test_logarithmic_growth_by_keyboard(browser, pages):
    axis = "document.querySelector('[data-figure=growth] .plot')._fullLayout.yaxis.type"
    with browser.open(pages / "long_short.html") as tab:
        assert tab.evaluate(axis) == "linear"
        tab.evaluate("document.querySelector('[data-figure=growth] [data-choice=\"1\"]').focus()")
        tab.press(" ")
        tab.wait(f"{axis} === 'log'")
        pressed = "[...document.querySelectorAll('[data-figure=growth] [data-choice]')]"
        assert tab.evaluate(f"{pressed}.map(b => b.ariaPressed)") == ["false", "true"]
        # A change of colours keeps the choice.
        tab.evaluate("document.getElementById('theme').click()")
        tab.wait(f"{NET}.line.color === '#72b3f2'")
        assert tab.evaluate(axis) == "log"


def test_the_legend_hides_a_series_in_both_panels(browser, pages):
    shown = (
        "document.querySelector('[data-figure=growth] .plot')._fullData"
        ".filter(t => t.visible === true).map(t => t.name)"
    )
    with browser.open(pages / "long_short.html") as tab:
        assert "SPY, drawdown" in tab.evaluate(shown)
        tab.evaluate("document.querySelector('[data-figure=growth] .legend button').click()")
        tab.wait(f"!{shown}.includes('SPY')")
        assert tab.evaluate(shown) == [
            "Before costs",
            "Strategy, net",
            "Strategy, net, drawdown",
            "Refit",
        ]


def test_the_pointer_is_told_what_is_held(browser, pages):
    """Six of ten assets are held at a time: the hover box names six and no zero."""
    with browser.open(pages / "long_short.html") as tab:
        plot = "document.querySelector('[data-figure=weights] .plot')"
        tab.evaluate(f"{plot}.scrollIntoView({{block: 'center'}})")
        box = tab.evaluate(f"(r => [r.x, r.y, r.width, r.height])({plot}.getBoundingClientRect())")
        for step in (0.60, 0.61):
            tab.move(box[0] + step * box[2], box[1] + box[3] / 2)
        tab.wait(f"{plot}.querySelectorAll('.hoverlayer .traces').length")
        texts = tab.evaluate(
            f"[...{plot}.querySelectorAll('.hoverlayer .traces')].map(t => t.textContent)"
        )
        assert len(texts) == 6, texts
        assert not any(" 0.0%" in text for text in texts)


def test_every_control_can_be_reached_and_names_itself(browser, pages):
    with browser.open(pages / "long_short.html") as tab:
        nameless = (
            "[...document.querySelectorAll('button, a, [role=img], [role=region]')]"
            ".filter(n => !(n.ariaLabel || n.textContent.trim())).length"
        )
        assert tab.evaluate(nameless) == 0
        tab.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        tab.press("Tab")
        assert tab.evaluate("document.activeElement.hash") == "#growth"


def test_paper_is_light_and_plots_fit_it(browser, pages):
    with browser.open(pages / "long_short.html", dark=True) as tab:
        tab.evaluate(
            "addEventListener('beforeprint', () => { window.paper = ["
            f"{NET}.line.color, Math.max(...[...document.querySelectorAll('.main-svg')]"
            ".map(s => s.getBoundingClientRect().width))] })"
        )
        pdf = tab.pdf(pages / "long_short.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        line, widest = tab.evaluate("window.paper")
        assert line == "#1b5e9e"
        assert 600 < widest <= 700
        tab.wait(f"{NET}.line.color === '#72b3f2'")
        assert tab.evaluate("document.documentElement.classList.contains('printing')") is False


def test_the_tables_can_be_read_without_scripts(browser, pages):
    text = (pages / "long_short.html").read_text("utf-8")
    bare = pages / "bare.html"
    bare.write_text(text[: text.index("<script")] + "</body></html>", "utf-8")
    with browser.open(bare) as tab:
        assert tab.evaluate("document.querySelectorAll('table').length") >= 6
        assert tab.evaluate("document.getElementById('theme').hidden")
        assert tab.console() == []
