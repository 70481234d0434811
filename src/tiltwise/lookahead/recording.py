"""Recording cache: lists the features a strategy computes, so that they become nodes."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from tiltwise.market.cache import Cache
from tiltwise.market.market import Market
from tiltwise.market.panel import Panel


@dataclasses.dataclass(frozen=True)
class Seen:
    """A feature requested by a strategy: function, arguments and result."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    first: int
    assets: tuple[str, ...]
    value: Any


class Recorder(Cache):
    """A `Cache` that lists the features requested since `clear`."""

    def __init__(
        self, seen: dict[str, Seen] | None = None, assets: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(size=2048)
        self.seen: dict[str, Seen] = {} if seen is None else seen
        self._assets = assets

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return and list the value under `key`; markets of other columns record too."""
        value = super().get(key, lambda: self._followed(compute()))
        inner = key[0] if isinstance(key, tuple) and len(key) == 3 else None
        if isinstance(inner, tuple) and len(inner) == 2 and callable(inner[0]):
            assert isinstance(key, tuple)
            function, arguments = inner
            given = ", ".join(f"{k}={v}" for k, v in arguments)
            label = f"feature.{getattr(function, '__name__', 'function')}({given})"
            self.seen[label] = Seen(function, dict(arguments), key[1], self._assets or (), value)
        return value

    def _followed(self, value: Any) -> Any:
        if not isinstance(value, Panel):
            return value
        return dataclasses.replace(value, cache=Recorder(self.seen, value.assets))


def recorder_of(market: Market) -> Recorder:
    """Return the recorder that a market was built with."""
    cache = market._panel.cache
    assert isinstance(cache, Recorder)
    return cache
