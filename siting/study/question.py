"""A study's program as a question: one more block, solved, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from siting.config import Config
from siting.engine.answer import Answer
from siting.errors import InputError
from siting.export import with_units
from siting.outcome import Outcome, outcome_of
from siting.plan import Plan
from siting.program.program import Program
from siting.study.to_program import answer_of


@dataclass(frozen=True, eq=False, repr=False)
class Question(Program):
    """The program of a study, solved with the study's settings.

    Of `config` it reads ``solver`` and ``program.least_gain``.

    >>> answer = study.program.floor(0.3, of="zone").solve()  # doctest: +SKIP
    """

    config: Config | None = None

    def solve(self, time_limit_s: float | None = None) -> Answer:
        """Return the answer, solved as the section ``solver`` of the study says.

        Parameters
        ----------
        time_limit_s
            Time limit (s); by default the study's.

        Raises
        ------
        InfeasibleError
            If no plan meets all requirements: the conflict, have, need and fix.
        SolveError
            If none was found in time.
        """
        assert self.config is not None  # a study gives it
        limit_s = self.config.solver.time_limit_s if time_limit_s is None else time_limit_s
        return answer_of(self, self.config, limit_s)


def question_of(program: Program, config: Config, zones: pd.Series | None) -> Question:
    """Return a program as a question of a study.

    `zones` gives the zone of each demand row, by ``demand_id``, for ``floor(…, of="zone")``; none:
    no zones.
    """
    return Question(**(vars_of(program) | {"zones": zones}), config=config)


def vars_of(program: Program) -> dict[str, Any]:
    """Return the blocks of a program by name."""
    return {name: getattr(program, name) for name in Program.__dataclass_fields__}


def side_by_side(answers: Mapping[str, Answer | Outcome | Plan]) -> pd.DataFrame:
    """Return answers, outcomes or plans as one table, a row each, in the order given.

    Parameters
    ----------
    answers
        By the name of the row.

    Returns
    -------
    DataFrame
        ``stations`` (that stand, existing ones too), ``served_kwh_day``, ``served_share``,
        ``subsidy_pkr``, ``cost_pkr``, ``mean_travel_min``, ``gap`` (proven, share), ``status``;
        units in ``attrs["units"]``.

    Examples
    --------
    >>> asked = study.program  # doctest: +SKIP
    >>> side_by_side({"free": asked.solve(), "fair": asked.floor(0.3, of="zone").solve()})
    ... # doctest: +SKIP
    """
    if not answers:
        raise InputError("side_by_side", "nothing is given", "name an answer or a plan")
    rows = {}
    for name, answer in answers.items():
        if isinstance(answer, Plan):
            outcome = answer.outcome
        else:
            outcome = answer if isinstance(answer, Outcome) else outcome_of(answer)
        rows[name] = {
            "stations": len(outcome.offers),
            "served_kwh_day": outcome.served_kwh_day,
            "served_share": outcome.served_kwh_day / outcome.demand_kwh_day,
            "subsidy_pkr": outcome.subsidy_pkr,
            "cost_pkr": outcome.cost_pkr,
            "mean_travel_min": outcome.drives_min[0],
            "gap": outcome.gap,
            "status": outcome.status,
        }
    return with_units(pd.DataFrame.from_dict(rows, orient="index"))
