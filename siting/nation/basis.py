"""The basis of a nation's plan and the answers of its cities, stored to be computed from again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from siting import __version__, export
from siting.config import Config, NationConfig, to_yaml
from siting.errors import InputError
from siting.manifest import as_form, read_json
from siting.nation.city import Row
from siting.nation.nation_plan import NationPlan, plan_of
from siting.nation.read_folder import AGAIN, Number
from siting.nation.rounds import Rounds
from siting.program.instance import Floats

BASIS, ANSWERS = "basis.json", "answers.json"
# Fields of an answer that may be missing numbers.
NUMBERS = ("bound_kwh_day", "drives_min")
# Facts of a city that are not stored: its cells, which are in its run.
_LARGE = ("cells",)


class Basis(BaseModel):
    """The content of ``basis.json``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    config: dict[str, Any]
    cities: dict[str, dict[str, Any]]
    provinces: dict[str, str]
    facts: dict[str, dict[str, Any]]
    failed: dict[str, str]
    granted: dict[str, list[Number]]
    # For each city, the number of its plan's answer in answers.json.
    answers: dict[str, int]
    written: dict[str, dict[str, Any]]
    seconds: Number


def write_basis(
    folder: Path,
    nation: Rounds,
    chosen: Mapping[str, tuple[Floats, Row]],
    written: Mapping[str, Row],
    seconds: float,
) -> None:
    """Write the basis of a nation's plan beside its answers."""
    kept = {
        "config": nation.config.model_dump(mode="json"),
        "cities": {name: one.model_dump(mode="json") for name, one in nation.studies.items()},
        "provinces": nation.province,
        "facts": {
            name: {key: value for key, value in facts.items() if key not in _LARGE}
            for name, facts in nation.facts.items()
        },
        "failed": nation.failed,
        "granted": {name: money.tolist() for name, (money, _) in chosen.items()},
        "answers": {
            name: next(i for i, one in enumerate(nation.rows) if one is row)
            for name, (_, row) in chosen.items()
        },
        "written": written,
        "seconds": seconds,
    }
    export.write_json(kept, folder / BASIS)


def nation_again(folder: Path) -> tuple[Rounds, NationPlan, Basis]:
    """Return a nation and its plan, computed again from the basis in its folder."""
    path, answers = folder / BASIS, folder / ANSWERS
    basis = as_form(Basis, read_json(path), str(path), AGAIN)
    rows = read_json(answers).get("answers")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{answers}, key answers", "is not a list of answers", AGAIN)
    config = as_form(NationConfig, basis.config, f"{path}, key config", AGAIN)
    cities = {
        name: as_form(Config, one, f"{path}, key cities.{name}", AGAIN)
        for name, one in basis.cities.items()
    }
    if [one.name for one in cities.values()] != list(basis.provinces):
        raise InputError(f"{path}, key cities", "are not the plan's cities", AGAIN)
    nation = Rounds(
        config,
        list(cities.values()),
        list(basis.provinces.values()),
        rows=[as_answered(row) for row in rows],
    )
    nation.facts, nation.failed = dict(basis.facts), dict(basis.failed)
    chosen = {
        name: (np.array(money), nation.rows[basis.answers[name]])
        for name, money in basis.granted.items()
    }
    written = {name: as_answered(row) for name, row in basis.written.items()}
    return nation, plan_of(nation, chosen, written, basis.seconds), basis


# --- the answers ---------------------------------------------------------------------------------
# One is used again only if the city's configuration is identical and this version of the package
# gave it.


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
