"""Market, strategy and simulator from the options of a command."""

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

from tiltwise.calendar import Schedule
from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import MissingData, TiltwiseError

DEFAULT_BENCHMARK = "SPY"


def market(
    data: str,
    *,
    benchmark: str | None = None,
    calendar: str | None = None,
    macro: str | None = None,
    rates: str | None = None,
    factors: str | None = None,
    quiet: bool = False,
) -> Any:
    """Return the market that ``--data`` and its companions name, with remarks on what they lack."""
    from tiltwise.market.market import Market
    from tiltwise.market.readers import companions
    from tiltwise.market.readers.providers import forms, provider_of

    given: dict[str, Any] = {}
    if macro:
        macros = companions.read_macros(macro)
        given |= macros.given()
        for remark in macros.notes:
            console.note(remark, quiet)
    if rates:
        given["rates"] = companions.read_rates(rates)
    if factors:
        given["factors"] = companions.read_factors(factors)
    if calendar:
        given["calendar"] = calendar
    if benchmark:
        given["benchmark"] = benchmark
    source = provider_of(data)
    if source is None:
        raise MissingData(f"{data}: there is no such file or store; --data takes {forms()}")
    provider, rest = source
    if provider.needs and not provider.accepts(rest):
        raise UsageError(f"--data {provider.forms[0]} needs {provider.needs}, not {rest!r}")
    if provider.complete and given:
        raise UsageError(f"--data {provider.forms[0]} brings its own benchmark, rates and calendar")
    if provider.prefix:
        return Market.from_frames(**{**provider.read(rest), **given})
    opened = Market.open(data, **given)
    if not benchmark and opened.benchmark is None and DEFAULT_BENCHMARK in opened.assets:
        return Market.open(data, **given, benchmark=DEFAULT_BENCHMARK)
    return opened


def label(data: str) -> str:
    """Return how results name the data: without folders, since those differ by machine."""
    from tiltwise.market.readers.providers import prefixed

    provider = prefixed(data)
    if provider and provider.file:
        return f"{provider.prefix}:{Path(data).name}"
    return data if ":" in data and not Path(data).exists() else Path(data).name


def universe(recipe: type[Any], data: str, market: Any, chosen: str | None) -> tuple[str, ...]:
    """Return the assets to hold: those asked for, the recipe's own, or all of a sample."""
    from tiltwise.market.readers.providers import prefixed

    if chosen == "all":
        return tuple(market.assets)
    if chosen:
        return tuple(market.select(tuple(chosen.split(","))).assets)
    own = tuple(_default(recipe, "universe") or ())
    known = {*market.assets, market.benchmark}
    if own and set(own) <= known:
        return own
    provider = prefixed(data)
    if not own or (provider and not provider.file):
        return tuple(market.assets)
    absent = [a for a in own if a not in known]
    raise UsageError(
        f"{recipe.__name__} holds {', '.join(own)} unless told otherwise, but {label(data)} lacks "
        f"{', '.join(absent)}; name assets with --universe all or --universe A,B,C"
    )


def strategy(recipe: type[Any], settings: list[str], **given: Any) -> Any:
    """Return a strategy with the fields set by ``--set key=value``."""
    values = dict(given)
    fields = {f.name: f for f in dataclasses.fields(recipe)}
    hints = typing.get_type_hints(recipe)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in fields:
            raise UsageError(
                f"--set {setting}: {recipe.__name__} has the fields "
                f"{', '.join(f'{n}={_default(recipe, n)}' for n in fields if n != 'universe')}"
            )
        values[key] = typed(key, text, hints[key])
    return recipe(**values)


def _default(recipe: type[Any], name: str) -> Any:
    field = {f.name: f for f in dataclasses.fields(recipe)}.get(name)
    if field is None or field.default is dataclasses.MISSING:
        return getattr(recipe, name, None)
    return field.default


def typed(key: str, text: str, hint: Any) -> Any:
    """Return text as a value of a field's type."""
    kinds = set(typing.get_args(hint)) or {hint}
    try:
        if Schedule in kinds:
            return Schedule.parse(text)
        if typing.get_origin(hint) is tuple:
            kind = typing.get_args(hint)[0]
            return tuple(kind(word) for word in text.split(","))
        if text.lower() in ("none", "null") and type(None) in kinds:
            return None
        if bool in kinds:
            return {"true": True, "false": False}[text.lower()]
        if int in kinds:
            return int(text)
        if float in kinds:
            return float(text)
        return text if str in kinds else json.loads(text)
    except (ValueError, KeyError, TiltwiseError) as error:
        words = " or ".join(sorted(getattr(k, "__name__", str(k)) for k in kinds))
        raise UsageError(f"--set {key}={text}: a value of type {words} is needed") from error


def simulator(
    fill: Any,
    delay: int | None,
    cost_bps: float | None,
    allow_lookahead: bool,
    commission_bps: float | None = None,
) -> Any:
    """Return the simulator that the options describe."""
    from tiltwise.backtest.costs import Costs
    from tiltwise.backtest.simulator import Simulator

    if delay == 0 and not allow_lookahead:
        raise UsageError(
            "--delay 0 earns the return it was decided on; add --allow-lookahead to measure that, "
            "and the report will say so"
        )
    given = {"half_spread_bps": cost_bps, "commission_bps": commission_bps}
    costs = Costs(**{name: value for name, value in given.items() if value is not None})
    return Simulator(fill=fill, delay=delay, costs=costs, allow_lookahead=allow_lookahead)


def facts(name: str, recipe: type[Any]) -> dict[str, Any]:
    """Return the facts of one recipe that ``tiltwise recipes`` lists."""
    import inspect
    import sys

    text = inspect.getdoc(recipe) or ""
    module = inspect.getdoc(sys.modules[recipe.__module__]) or ""
    source = next((p for p in module.split("\n\n") if p.startswith("Source:")), "Source: none")
    return {
        "recipe": name,
        "idea": text.split("\n")[0],
        "source": " ".join(source.removeprefix("Source:").split()),
        "universe": list(_default(recipe, "universe") or ()),
        "refit": str(_default(recipe, "refit")) if recipe.fit is not _unfitted() else "never",
        "decide_on": str(_default(recipe, "decide_on")),
    }


def _unfitted() -> Any:
    from tiltwise.strategy import Strategy

    return Strategy.fit
