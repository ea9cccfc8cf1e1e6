"""What a nation's plan rests on, kept with it, so that its folder can be worked out again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from siting import export
from siting.config import Config, NationConfig
from siting.errors import Fault, InputError
from siting.manifest import as_form, read_json
from siting.nation.city import Row
from siting.nation.earlier import ANSWERS, as_answered
from siting.nation.plan import NationPlan, plan_of
from siting.nation.reading import AGAIN, Number
from siting.nation.rounds import Rounds
from siting.program.instance import Floats

BASIS = "basis.json"
# Of a city's facts, what is not kept: the cells, which are in its run.
_LARGE = ("cells",)


class Basis(BaseModel):
    """What ``basis.json`` says."""

    model_config = ConfigDict(strict=True, extra="forbid")

    config: dict[str, Any]
    cities: dict[str, dict[str, Any]]
    provinces: dict[str, str]
    facts: dict[str, dict[str, Any]]
    failed: dict[str, str]
    granted: dict[str, list[Number]]
    # Of each city, the number of its answer in answers.json that is its plan.
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
    """Write what a nation's plan rests on beside its answers (`siting.nation.earlier`)."""
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
    """Return a nation and its plan, worked out again from what its folder says they rest on."""
    path, answers = folder / BASIS, folder / ANSWERS
    basis = as_form(Basis, read_json(path), str(path), AGAIN)
    rows = read_json(answers).get("answers")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(Fault(f"{answers}, key answers", "is no list of answers", AGAIN))
    config = as_form(NationConfig, basis.config, f"{path}, key config", AGAIN)
    cities = {
        name: as_form(Config, one, f"{path}, key cities.{name}", AGAIN)
        for name, one in basis.cities.items()
    }
    if [one.name for one in cities.values()] != list(basis.provinces):
        raise InputError(Fault(f"{path}, key cities", "have other names", AGAIN))
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
