"""Axes of a search space: the values that a field of a strategy may take.

A value has a coordinate: its index where there are finitely many values, a number from 0 to 1 on a
continuum. Searchers see coordinates only. As text::

    quantile=.1,.2,.3      one of these                                     Choice
    factors=1..3           a whole number from 1 to 3                       Whole
    max_features=2:18      anything from 2 to 18                            Uniform
    penalty=5:150:log      the same, each doubling as likely as the next    LogUniform
    penalty=5:150:log:8    eight values evenly apart on that scale          LogUniform, steps=8
    exit=enter*1:4         one to four times the value of `enter`           Ratio
"""

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

from tiltwise.errors import StrategyError

DIGITS = 6
"""Significant digits of a value on a continuum: what is printed can be typed again."""


class Axis(abc.ABC):
    """The values that one field may take.

    Attributes
    ----------
    ordered : whether neighbouring coordinates are neighbouring values.
    """

    ordered: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def size(self) -> int | None:
        """Number of values; None for a continuum."""

    @abc.abstractmethod
    def at(self, coordinate: float) -> Any:
        """Return the value at a place (0 to ``size - 1``), or between 0 and 1 on a continuum."""


@dataclasses.dataclass(frozen=True)
class Choice(Axis):
    """An unordered set of values.

    Raises
    ------
    StrategyError
        There are none, or one is there twice.
    """

    values: tuple[Any, ...]
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Reject an empty choice and duplicates."""
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values or any(v in self.values[:i] for i, v in enumerate(self.values)):
            raise StrategyError(f"a choice needs values that differ, not {self.values}")

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    def at(self, coordinate: float) -> Any:
        """Return the value at a place."""
        return self.values[int(coordinate)]

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


@dataclasses.dataclass(frozen=True)
class Whole(Axis):
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        """Reject an empty range."""
        _increasing(self)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.high - self.low + 1

    def at(self, coordinate: float) -> int:
        """Return the number at a place."""
        return self.low + int(coordinate)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclasses.dataclass(frozen=True)
class Uniform(Axis):
    """A number from `low` to `high`.

    Attributes
    ----------
    low, high : bounds, both included.
    steps : number of values evenly apart; None for a continuum.
    whole : round to whole numbers, for fields that count.
    """

    low: float
    high: float
    steps: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        """Reject an empty range, and a grid without two ends."""
        _increasing(self)
        if self.steps is not None and self.steps < 2:
            raise StrategyError(f"steps={self.steps} must be at least 2: the two ends")

    @property
    def size(self) -> int | None:
        """Number of values; None for a continuum."""
        return self.steps

    def at(self, coordinate: float) -> float:
        """Return the number at a coordinate, to six significant digits."""
        share = coordinate if self.steps is None else coordinate / (self.steps - 1)
        value = min(max(rounded(self._between(share)), self.low), self.high)
        return round(value) if self.whole else float(value)

    def _between(self, share: float) -> float:
        return self.low + share * (self.high - self.low)

    def __str__(self) -> str:
        steps = "" if self.steps is None else f":linear:{self.steps}"
        return f"{self.low:g}:{self.high:g}{steps}"


@dataclasses.dataclass(frozen=True)
class LogUniform(Uniform):
    """A positive number from `low` to `high`, uniform on a log scale."""

    def __post_init__(self) -> None:
        """Reject bounds that have no logarithm."""
        super().__post_init__()
        if self.low <= 0:
            raise StrategyError(f"low={self.low} has no logarithm: take Uniform or a positive low")

    def _between(self, share: float) -> float:
        return math.exp(math.log(self.low) + share * math.log(self.high / self.low))

    def __str__(self) -> str:
        steps = "" if self.steps is None else f":{self.steps}"
        return f"{self.low:g}:{self.high:g}:log{steps}"


@dataclasses.dataclass(frozen=True)
class Ratio(Axis):
    """A multiple of another field, so that their order is fixed.

    Attributes
    ----------
    of : the other field, on an axis of its own or as the strategy has it.
    by : axis of the factor.
    whole : round the product to a whole number.
    """

    of: str
    by: Axis
    whole: bool = False

    def __post_init__(self) -> None:
        """Reject a multiple of a multiple."""
        if isinstance(self.by, Ratio):
            raise StrategyError(f"the factor of {self.of} cannot be a ratio itself")

    @property
    def size(self) -> int | None:
        """Number of factors; None for a continuum."""
        return self.by.size

    def at(self, coordinate: float) -> Any:
        """Return the factor; `spaces.configuration` multiplies."""
        return self.by.at(coordinate)

    def __str__(self) -> str:
        return f"{self.of}*{self.by}"


def parse(text: str, convert: Callable[[str], Any] | None = None, whole: bool = False) -> Axis:
    """Return the axis that a text describes, as listed at the top of this module.

    Parameters
    ----------
    text : what follows ``field=``.
    convert : turns one choice into a value of the field; default: a number if it is one.
    whole : the field counts something, so that a range means whole numbers.

    Raises
    ------
    StrategyError
        It describes none.
    """
    of, star, factor = text.partition("*")
    try:
        if star:
            return Ratio(of.strip(), parse(factor), whole)
        if ".." in text:
            low, _, high = text.partition("..")
            return Whole(int(low), int(high))
        if ":" in text:
            return _range(text.split(":"), whole)
        return Choice(tuple((convert or _value)(word) for word in text.split(",") if word))
    except (ValueError, KeyError):
        raise StrategyError(
            f"{text!r} is no axis; write a,b,c or 1..3 or 2:18 or 5:150:log or 5:150:log:8 or "
            "other*1:4"
        ) from None


def _range(words: list[str], whole: bool) -> Axis:
    low, high, *rest = words
    scale = {"log": LogUniform, "linear": Uniform}[rest[0] if rest else "linear"]
    if len(rest) > 2:
        raise ValueError(words)
    if whole and not rest:
        return Whole(int(low), int(high))
    return scale(float(low), float(high), int(rest[1]) if len(rest) == 2 else None, whole)


def _value(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _increasing(axis: Whole | Uniform) -> None:
    if not (math.isfinite(axis.low) and math.isfinite(axis.high) and axis.low < axis.high):
        raise StrategyError(f"low={axis.low} must be below high={axis.high}")


def rounded(value: float) -> float:
    """Return a number rounded to its printed form, so that it can be typed again."""
    return float(f"{value:.{DIGITS}g}")
