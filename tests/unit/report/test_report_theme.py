"""Palette: contrast in both modes, and colours told apart under colour deficiencies."""

import re

import numpy as np
import pytest

from tiltwise.report.components import theme

MODES = pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])


def linear(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """Contrast ratio of the accessibility guidelines, 1 to 21."""
    low, high = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


# Linear RGB as seen without red, green and blue receptors (Vienot, Brettel, Mollon 1999 and kin).
SEEN = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]
    ),
    "no green": np.array(
        [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]
    ),
}


def lab(rgb):
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return to_lab @ np.cbrt(to_lms @ np.clip(rgb, 0, 1))


def test_both_modes_have_the_same_roles():
    assert theme.LIGHT.keys() == theme.DARK.keys()


@MODES
def test_text_is_legible(palette):
    for role in ("ink", "muted", "accent"):
        for ground in ("page", "surface"):
            assert contrast(palette[role], palette[ground]) > 4.5, (role, ground)
    assert contrast(palette["warn"], palette["warn-soft"]) > 4.5


@MODES
@pytest.mark.parametrize("seen", SEEN)
def test_gain_differs_from_loss_and_neighbours_differ_in_a_stack(palette, seen):
    pairs = [("gain", "loss"), ("accent", "benchmark")]
    pairs += [(f"series-{n}", f"series-{n + 1}") for n in range(1, 12)]
    for one, other in pairs:
        a, b = (lab(SEEN[seen] @ linear(palette[role])) for role in (one, other))
        assert np.linalg.norm(a - b) > 0.07, (one, other)


def test_the_template_names_only_known_roles():
    used = set(re.findall(r"'@([a-z0-9-]+)'", str(theme.template())))
    assert used
    assert used <= theme.LIGHT.keys()
    assert "@" not in str(theme.template("dark"))
    assert theme.template("light")["layout"]["font"]["color"] == theme.LIGHT["ink"]


def test_only_colours_are_resolved():
    part = {"name": "@ink", "line": {"color": "@ink"}, "marker": {"color": ["@gain", "#fff"]}}
    assert theme.resolve(part, theme.LIGHT) == {
        "name": "@ink",
        "line": {"color": theme.LIGHT["ink"]},
        "marker": {"color": [theme.LIGHT["gain"], "#fff"]},
    }


def test_the_style_sheet_loads_nothing():
    css = theme.css()
    assert "@import" not in css
    assert "url(" not in css
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", css))
    assert used - {"font", "v", "tone", "key"} <= theme.LIGHT.keys()
