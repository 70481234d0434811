"""Options that travel together: one parameter of a command, several words on the command line."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

from tiltwise.cli import options

if typing.TYPE_CHECKING:
    from tiltwise.backtest.simulator import Simulator
    from tiltwise.cli.config import Where
    from tiltwise.market.market import Market


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Options of a strategy: settings, period and universe."""

    settings: options.Settings = None
    start: options.Start = None
    end: options.End = None
    universe: options.Universe = None


@dataclasses.dataclass(frozen=True)
class Companions:
    """Options of the data read with the prices: benchmark, macro, rates, factors, calendar."""

    benchmark: options.Benchmark = None
    macro: options.Macro = None
    rates: options.Rates = None
    factors: options.Factors = None
    calendar: options.Calendar = None

    def market(self, data: str, quiet: bool = False) -> "Market":
        """Return the market of `data` and its companions."""
        from tiltwise.cli import inputs

        market: Market = inputs.market(data, **vars(self), quiet=quiet)
        return market


@dataclasses.dataclass(frozen=True)
class Fills:
    """Options of the simulator: fill, delay, half-spread and commission."""

    fill: options.Fill = None
    delay: options.Delay = None
    cost_bps: options.CostBps = None
    commission_bps: options.CommissionBps = None

    def simulator(self, allow_lookahead: bool = False) -> "Simulator":
        """Return the simulator with these fills and costs."""
        from tiltwise.cli import inputs

        simulator: Simulator = inputs.simulator(**vars(self), allow_lookahead=allow_lookahead)
        return simulator


@dataclasses.dataclass(frozen=True)
class Place:
    """Options of places: configuration file, ledger folder and number of workers."""

    config: options.Config = None
    folder: options.Folder = None
    jobs: options.Jobs = None

    def where(self, data: str | None = None) -> "Where":
        """Return where things are; what was typed wins over environment and file."""
        from tiltwise.cli import config

        return config.read(self.config, data=data, folder=self.folder, jobs=self.jobs)


GROUPS = (Chosen, Companions, Fills, Place)


def spelled_out(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the options of its groups one by one, where the groups stand."""
    groups: dict[str, Any] = {}
    words: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.annotation in GROUPS:
            groups[parameter.name] = parameter.annotation
            words += _options(parameter.annotation)
        else:
            words.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def typed(**given: Any) -> None:
        filled = {
            name: group(**{f.name: given.pop(f.name) for f in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        command(**given, **filled)

    typed.__signature__ = inspect.Signature(words)  # type: ignore[attr-defined]
    typed.__annotations__ = {word.name: word.annotation for word in words}
    return typed


def _options(group: type[Any]) -> list[inspect.Parameter]:
    """Return the fields of a group as options."""
    hints = typing.get_type_hints(group, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name])
        for field in dataclasses.fields(group)
    ]
