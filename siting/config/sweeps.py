"""Sweeps: values to try for individual keys, read from ``--sweep`` and written as overrides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from siting.config.changing import python_value
from siting.config.fields import SweepKey, SweepValues, rupees_of_word
from siting.config.yaml_text import BrokenYamlError, read, write
from siting.errors import ConfigError, Fault, Override, listed

Single = bool | int | float | str

_VALUES = TypeAdapter[tuple[Single, ...]](SweepValues)
_KEY = TypeAdapter[str](SweepKey)
MOST_STEPS = 10_000
_LIKE = "e.g. --sweep program.budget_pkr=[4e7,6e7]"
_SAID = {"string_pattern_mismatch": "is not a key path", "too_short": "the list is empty"}


def even_steps(text: str) -> list[int | float] | None:
    """Return the evenly spaced values of ``low:high:count``; None for any other string.

    Whole numbers become integers. ``low`` and ``high`` may have a rupee unit (``2cr``).

    >>> even_steps("2030:2040:3"), even_steps("0:1:5"), even_steps("1cr:2cr:2")
    ([2030, 2035, 2040], [0, 0.25, 0.5, 0.75, 1], [10000000, 20000000])
    """
    try:
        low, high, count = text.split(":")
        first, last = (float(rupees_of_word(end)) for end in (low, high))
        steps = int(count)
    except ValueError:
        return None
    if not (math.isfinite(first) and math.isfinite(last) and 2 <= steps <= MOST_STEPS):
        return None
    numbers = [first + (last - first) * i / (steps - 1) for i in range(steps)]
    return [int(one) if one.is_integer() else one for one in numbers]


def parse_sweeps(texts: Sequence[str]) -> dict[str, tuple[Single, ...]]:
    """Return the values to try by key path, from ``key.path=[value, value]`` strings.

    ``low:high:count`` may replace the list (`even_steps`). Raises `ConfigError` with every invalid
    string.

    >>> parse_sweeps(["program.budget_pkr=[4e7, 60_000_000]", "demand.scenario=[low]"])
    {'program.budget_pkr': (40000000.0, 60000000), 'demand.scenario': ('low',)}
    """
    values_by_key: dict[str, tuple[Single, ...]] = {}
    faults = []
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        where = f"--sweep {key or text}"
        try:
            if not equals:
                faults.append(Fault(where, "is not KEY=[VALUE,VALUE] or KEY=LOW:HIGH:COUNT", _LIKE))
                continue
            _KEY.validate_python(key)
            steps = even_steps(values)
            listed = read(values).value if steps is None else steps
            if not isinstance(listed, list):
                faults.append(Fault(where, f"{values!r} is not a list", _LIKE))
            elif key in values_by_key:
                faults.append(Fault(where, "is given twice", "put all values in one list"))
            else:
                money = "pkr" in key.split("_")
                listed = [rupees_of_word(one) if money else one for one in listed]
                values_by_key[key] = _VALUES.validate_python(listed)
        except BrokenYamlError as err:
            faults.append(Fault(where, f"the list is not valid YAML: {err.what}"))
        except ValidationError as err:
            faults += [
                Fault(where, _SAID.get(error["type"], error["msg"]), _LIKE)
                for error in err.errors()
                if error["type"] != "too_short" or not error["input"]  # else its items are reported
            ]
    if faults:
        raise ConfigError(faults)
    return values_by_key


def combinations(sweep: Mapping[str, Sequence[Single]]) -> Iterator[dict[str, Single]]:
    """Yield every combination of the values; the last key varies fastest.

    >>> list(combinations({"year": [2030, 2035], "solver.seed": [1]}))
    [{'year': 2030, 'solver.seed': 1}, {'year': 2035, 'solver.seed': 1}]
    """
    lists = [listed(f"sweep, {key}", python_value(values)) for key, values in sweep.items()]
    for values in itertools.product(*lists):
        yield dict(zip(sweep, values, strict=True))


def as_overrides(chosen: Mapping[str, Single]) -> list[str]:
    """Return values as ``key.path=value`` overrides for `siting.config.load`.

    >>> as_overrides({"program.budget_pkr": 4e7, "demand.case": "low"})
    ['program.budget_pkr=40000000.0', 'demand.case=low']
    """
    texts = {key: write(python_value(one), one_line=True) for key, one in chosen.items()}
    return [Override(f"{key}={text}", "sweep {}") for key, text in texts.items()]
