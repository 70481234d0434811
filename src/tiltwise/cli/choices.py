"""Strategies and variants that ``--set``, ``--universe`` and ``--grid`` describe."""

from collections.abc import Sequence
from typing import Any

from tiltwise import recipes
from tiltwise.cli import inputs
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Chosen

VARIANT_NUMBERS = ("delta", "noise")


def recipe_of(name: str, data: str, market: Any, chosen: Chosen) -> Any:
    """Return the strategy that a recipe's name, ``--set`` and ``--universe`` describe."""
    recipe = recipes.load(name)
    assets = inputs.universe(recipe, data, market, chosen.universe)
    return inputs.strategy(recipe, list(chosen.settings or ()), universe=assets)


def grid_of(
    name: str, data: str, market: Any, chosen: Chosen, grid: Sequence[tuple[str, ...]]
) -> list[Any]:
    """Return a strategy for every combination of further settings."""
    recipe = recipes.load(name)
    assets = inputs.universe(recipe, data, market, chosen.universe)
    own = chosen.settings or ()
    return [inputs.strategy(recipe, [*own, *settings], universe=assets) for settings in grid]


def variant_fields(chosen: Chosen) -> dict[str, Any]:
    """Return ``--set key=value`` as fields of a claim card's variant; it sets all else itself."""
    for option in ("universe", "start", "end"):
        if getattr(chosen, option):
            raise UsageError(f"--{option} cannot be given with --variant: the claim card sets it")
    fields: dict[str, Any] = {}
    for setting in chosen.settings or ():
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write key=value")
        try:
            fields[key] = float(text) if key in VARIANT_NUMBERS else text
        except ValueError:
            raise UsageError(f"--set {setting}: a number is needed") from None
    return fields
