"""The basis of a nation's plan, stored with it so that its folder can be computed again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from siting import export
from siting.config import Config, NationConfig
from siting.errors import InputError
from siting.manifest import as_form, read_json
from siting.nation.city import Row
from siting.nation.earlier import ANSWERS, as_answered
from siting.nation.nation_plan import NationPlan, plan_of
from siting.nation.read_folder import AGAIN, Number
from siting.nation.rounds import Rounds
from siting.program.instance import Floats

BASIS = "basis.json"
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
    """Write the basis of a nation's plan beside its answers (`siting.nation.earlier`)."""
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
