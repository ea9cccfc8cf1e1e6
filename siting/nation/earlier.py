"""Answers of the cities, stored with a plan so that a further question is fast.

An answer is used again only if the city's configuration is identical and this version of the
package gave it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from siting import __version__, export
from siting.config import Config, to_yaml
from siting.errors import InputError
from siting.nation.city import Row

ANSWERS = "answers.json"
# Fields of an answer that may be missing numbers.
NUMBERS = ("bound_kwh_day", "drives_min")


def write_answers(folder: Path, studies: Mapping[str, Config], rows: Sequence[Row]) -> None:
    """Write the questions to the cities of a nation and their answers into its folder."""
    told = {
        "siting": __version__,
        "years": _years(studies),
        "configurations": {name: _hash(config) for name, config in studies.items()},
        "answers": rows,
    }
    export.write_json(told, folder / ANSWERS)


def read_answers(folder: Path, studies: Mapping[str, Config]) -> list[Row]:
    """Return the answers of an earlier folder that hold for these cities too.

    Raises `InputError` if the folder has no readable answers, or other years.
    """
    path = folder / ANSWERS
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        same = {
            name
            for name, config in studies.items()
            if told["siting"] == __version__ and told["configurations"].get(name) == _hash(config)
        }
        rows: list[Row] = [row for row in told["answers"] if row["city"] in same]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        what = f"holds no answers of cities: {type(err).__name__}: {err}"
        raise InputError(str(path), what, "name what siting nation wrote") from err
    before, now = told.get("years", []), _years(studies)
    if before != now:
        what = f"is of {years_in_words(before)}, this nation of {years_in_words(now)}"
        raise InputError(str(path), what, "leave --from out, or use the same years")
    return [as_answered(row) for row in rows]


def as_answered(row: Row) -> Row:
    """Return an answer as it was before writing: JSON has no tuples and no NaN."""
    numbers = {key: math.nan for key in NUMBERS if key in row and row[key] is None}
    lists = {
        key: None if row.get(key, ()) is None else tuple(row.get(key, ()))
        for key in ("offers", "money", "prices")
    }
    return row | numbers | lists


def years_in_words(years: Sequence[int]) -> str:
    """Return the years of a plan as text.

    >>> years_in_words([2027, 2028]), years_in_words([])
    ('money by year, 2027, 2028', 'one sum')
    """
    return f"money by year, {', '.join(map(str, years))}" if years else "one sum"


def _years(studies: Mapping[str, Config]) -> list[int]:
    asked = next(iter(studies.values())).program.years
    return [] if asked is None else list(asked.budgets_pkr)


def _hash(config: Config) -> str:
    years = config.program.years
    if years is not None:  # each question has money of its own
        asked = years.model_copy(update={"budgets_pkr": dict.fromkeys(years.budgets_pkr, 0.0)})
        program = config.program.model_copy(update={"years": asked})
        config = config.model_copy(update={"program": program})
    return hashlib.sha256(to_yaml(config).encode()).hexdigest()
