"""Make the `siting.Program` of a configuration, and solve it.

Every key of the ``program`` section corresponds to a block. `siting.config.refusals` lists the
pairs of blocks that cannot be combined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from siting.config import Config
from siting.engine.answer import Answer
from siting.engine.clock import Progress
from siting.engine.solve import solve
from siting.errors import Fault, InputError, did_you_mean, refuse, require_kind
from siting.export import with_units
from siting.outcome import Outcome, outcome_of
from siting.plan import Plan
from siting.program.aims import AIMS, LeastCostToAll, LeastRegret, WorstShare
from siting.program.instance import Instance
from siting.program.money import MONEY
from siting.program.objective import Decay, ExponentialDecay, GaussianDecay, LinearDecay, StepDecay
from siting.program.program import Program
from siting.study.program_inputs import Asked, money_of, subsidy_of

UNITS = {"people": "people", "sessions": "sessions/day"}
REACHABLE = "within reach"
DECAYS: dict[str, Callable[..., Decay]] = {
    "linear": LinearDecay, "exponential": ExponentialDecay, "gaussian": GaussianDecay,
}  # fmt: skip
MILLION = 1e6
# Configuration keys of the aims that depend on drive times.
DRIVES = tuple(aim.kind for aim in AIMS if aim.of_drives)


def instance_of(asked: Asked) -> Instance:
    """Return the data of the program, with the demand of the last year."""
    offers = asked.offers
    budget = money_of(asked.config)
    if not asked.budgeted:
        budget = max(budget, float(offers["subsidy_pkr"].sum()))
    return Instance.from_tables(
        asked.last_demand,
        offers if asked.need is None else asked.need.offers,
        asked.reach,
        asked.compatibility,
        budget,
        limits=asked.limits,
        required=asked.required,
        forbidden=asked.forbidden,
    )


def program_of(asked: Asked) -> Program:
    """Return the program of a configuration.

    An `InputError` lists every unknown zone or class, and every problem in the tables. An
    `InfeasibleError` lists every limit that existing and required stations already exceed.
    """
    keys = asked.config.program
    years, futures = keys.years, keys.scenarios
    made = Program(instance_of(asked), keys.model)
    tables = asked.demand.items()
    demand = {key: rows.set_index("demand_id")["demand_kwh_day"] for key, rows in tables}
    if years is not None:
        made = made.years(
            dict(years.budgets_pkr),
            None if futures is not None else demand,
            carry_over=years.carry_over,
            upgrades=years.upgrades,
            discount_rate=years.discount_rate,
            last_period_years=years.last_period_years,
        )
    if futures is not None:
        chances = {name: future.probability for name, future in futures.of.items()}
        made = made.scenarios(chances, demand)
    made = with_worth(made, asked, asked.worth)
    made = _with_floors(made, asked)
    if asked.need is not None:
        made = made.viability_gap(asked.need.rule)
    if not asked.budgeted:
        made = made.without_budget()
    for aim in aims_of(asked.config):
        made = _with_aim(made, asked, aim)
    return made


def with_worth(program: Program, asked: Asked, worth: Mapping[Any, pd.Series] | None) -> Program:
    """Return the program with the configured worth (energy, people or sessions) and decay."""
    keys = asked.config.program
    if worth is not None:
        program = program.worth(worth, UNITS[keys.objective])
    if keys.decay is not None:
        program = program.decay(_decay(keys.decay), asked.config.reach.cutoff_min)
    return program


def _with_floors(program: Program, asked: Asked) -> Program:
    keys, when = asked.config.program, asked.config.program.floors_in
    cheap, of_all = keys.least_cost, keys.min_served_share
    if cheap is not None and cheap.of == "demand":
        of_all = max(of_all, cheap.served_share)
    if of_all > 0:
        program = program.floor(of_all, when=when)
    if cheap is not None and cheap.of == "reachable":
        instance = program.instance
        near = pd.Series(np.where(instance.served_pairs, REACHABLE, ""), index=instance.demand_ids)
        program = program.floor({REACHABLE: cheap.served_share}, near, when)
    if asked.floors_of_zones:
        assert asked.zones is not None  # the configuration requires `program.zones`
        zones = zones_named(asked)
        renamed = dict(zip(asked.zones, zones, strict=True))
        there, what = sorted(set(asked.zones) - {""}), "no zone of this name has demand"
        refuse(
            Fault(f"program.zone_floors.{name}", what, did_you_mean(name, there))
            for name in asked.floors_of_zones
            if name not in there
        )
        shares = {renamed[name]: share for name, share in asked.floors_of_zones.items()}
        program = program.floor(shares, zones, when)
    if asked.floors_of_classes:
        program = program.floor(asked.floors_of_classes, "class", when)
    return program


def zones_named(asked: Asked) -> pd.Series:
    """Return the zones by ``demand_id``. A name that other floors use gets the prefix ``zone``."""
    assert asked.zones is not None  # required by the configuration
    taken = {"city", REACHABLE, *asked.config.demand.vehicle_classes}
    return asked.zones.map(lambda name: f"zone {name}" if name in taken else name)


def _decay(asked: Any) -> Decay:
    if asked.kind == "step":
        return StepDecay({float(minutes): factor for minutes, factor in asked.factors.items()})
    return DECAYS[asked.kind](**asked.model_dump(exclude={"kind"}))


def aims_of(config: Config) -> list[str]:
    """Return the aims in order of priority, each as a configuration key or a kind of aim."""
    program = config.program
    then: tuple[str, ...] = (LeastCostToAll.kind,)
    if program.then is not None:
        then = program.then
    elif program.decay is not None or config.solver.method == "greedy":
        then = ()
    # Of equally fair, cheap or safe plans, the plan with the highest worth is preferred.
    usual = () if "most_worth" in then else ("most_worth",)
    return [*program.first_aims, *usual, *then]


def _with_aim(program: Program, asked: Asked, aim: str) -> Program:
    keys = asked.config.program
    if aim == "fairness":
        return program.worst_share(zones_named(asked), keys.floors_in)
    if aim == "least_cost":
        assert keys.least_cost is not None
        return program.least_money(keys.least_cost.money)
    if aim == "scenarios":
        assert keys.scenarios is not None
        if keys.scenarios.criterion == "regret":
            return program.least_regret()
        return program.tail(keys.scenarios.alpha, keys.scenarios.cvar_of)
    if aim == "most_worth" and keys.least_gain.always:
        least = keys.least_gain.a_rupee
        each = tuple(least[y] for y in sorted(least)) if isinstance(least, dict) else least
        return program.net_worth(each, keys.least_gain.money)
    if aim == "least_cost_to_all":
        return program.least_cost_to_all(asked.to_all.cost_pkr_year, asked.to_all.pkr_kwh_min)
    made: Program = getattr(program, aim)()
    return made


def aim_in_words(config: Config) -> str:
    """Return a configuration's aim in planners' terms."""
    program = config.program
    futures, cheap = program.scenarios, program.least_cost
    most = "energy" if program.objective == "energy" else f"served {program.objective}"
    words = {aim.kind: aim.words for aim in AIMS}
    words |= {"fairness": WorstShare.words, "most_worth": f"the most {most}"}
    if cheap is not None:
        of = "demand" if cheap.of == "demand" else "demand in reach"
        least = f"the least {MONEY[cheap.money]}"
        words["least_cost"] = f"{least} that serves {cheap.served_share:.0%} of the {of}"
    if futures is not None:
        words["scenarios"] = {
            "expected": "",
            "regret": LeastRegret.words,
            "cvar": f"the best average of the worst {1 - futures.alpha:.0%} of outcomes",
        }[futures.criterion]
    first, *later = [words[aim] for aim in aims_of(config)]
    if program.years is not None:
        first += " over the years, discounted"
    elif aims_of(config)[0] == "most_worth" and not subsidy_of(config).fills_gap:
        first += " for the budget"
    if futures is not None and futures.criterion == "expected":
        first += ", on average over the scenarios"
    text = ", then ".join([first, *later])
    gain = program.least_gain
    if gain.always:
        unit = UNITS.get(program.objective, "kWh/day")
        money = "public money" if gain.money == "subsidy_pkr" else "cost"
        least = f"{gain.per_million:g} {unit}"
        if gain.per_million_by_year is not None:
            each = gain.per_million_by_year.items()
            least = ", ".join(f"{number:g} {unit} in {year}" for year, number in each)
        text += f", where {money} is spent only if each PKR m adds at least {least}"
    if program.decay is not None:
        text += ", with shorter drives worth more"
    if blocks_of(config) & {"zone_floor", "zone_floors", "class_floor", "class_floors"}:
        text += ", with all floors met"
    if subsidy_of(config).fills_gap:
        text += ", where public money covers the shortfall of the business case"
    return text


def blocks_of(config: Config) -> set[str]:
    """Return the ``program`` keys in use, and ``viability_gap`` if public money pays the gaps."""
    program = config.program
    plain = type(program)(budget_pkr=program.budget_pkr)
    keys = type(program).model_fields
    used = {name for name in keys if getattr(program, name) != getattr(plain, name)}
    return used | ({"viability_gap"} if subsidy_of(config).fills_gap else set())


def answer_of(
    program: Program,
    config: Config,
    limit_s: float,
    *,
    start: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> Answer:
    """Solve a program with the solver settings and the least gain of `config`; return the answer.

    `limit_s` is the time limit (s). `start` lists the offers of an earlier plan.
    """
    solver, gain = config.solver, config.program.least_gain
    return solve(
        program,
        gap=solver.gap,
        drives_gap=solver.drives_gap,
        time_limit_s=max(limit_s, 0.05),
        threads=solver.threads,
        seed=solver.seed,
        method=solver.method,
        solver=solver.name,
        least_gain=gain.per_million / MILLION if gain.rule == "within_gap" else 0.0,
        progress=progress,
        start=list(start) or None,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Question(Program):
    """The program of a study, which is solved with the settings of the study's `config`.

    >>> answer = study.program.floor(0.3, of="zone").solve()  # doctest: +SKIP
    """

    config: Config | None = None

    def solve(self, time_limit_s: float | None = None) -> Answer:
        """Solve the program with the study's ``solver`` settings, and return the answer.

        Parameters
        ----------
        time_limit_s
            Time limit (s); by default, the study's time limit.

        Raises
        ------
        InfeasibleError
            If no plan meets all requirements. The error lists the requirements that conflict.
        SolveError
            If no plan was found in time.
        """
        assert self.config is not None  # set by the study
        limit_s = self.config.solver.time_limit_s if time_limit_s is None else time_limit_s
        return answer_of(self, self.config, limit_s)


def side_by_side(answers: Mapping[str, Answer | Outcome | Plan]) -> pd.DataFrame:
    """Return a table with one row per answer, outcome or plan, in the order of `answers`.

    Parameters
    ----------
    answers
        Answers, outcomes or plans, each under the name of its row.

    Returns
    -------
    DataFrame
        ``stations`` (number, including existing stations), ``served_kwh_day``, ``served_share``,
        ``subsidy_pkr``, ``cost_pkr``, ``mean_travel_min``, ``gap`` (proven gap as a share),
        ``status``. ``attrs["units"]`` has the units.

    Examples
    --------
    >>> asked = study.program  # doctest: +SKIP
    >>> side_by_side({"free": asked.solve(), "fair": asked.floor(0.3, of="zone").solve()})
    ... # doctest: +SKIP
    """
    if not answers:
        raise InputError("side_by_side", "nothing is given", "pass at least one answer or plan")
    fix = "pass a mapping from names to answers, outcomes or plans"
    require_kind("answers", answers, Mapping, fix)
    rows = {}
    for name, given in answers.items():
        require_kind(f"answers, {name}", given, Answer | Outcome | Plan, fix)
        answer = given.outcome if isinstance(given, Plan) else given
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
