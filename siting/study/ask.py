"""From a configuration and the tables of its stages to one `siting.Program`, and its answer.

Every key of the section ``program`` is a block; all go together but for what
`siting.config.refusals` holds.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from siting import economics, sites
from siting.config import Config
from siting.engine.answer import Answer
from siting.engine.clock import Progress
from siting.engine.solve import solve
from siting.errors import Fault, InputError
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.program.objective import (
    Decay,
    ExponentialDecay,
    GaussianDecay,
    LinearDecay,
    StepDecay,
)
from siting.program.program import Program

UNITS = {"people": "people", "sessions": "sessions/day"}
REACHABLE = "within reach"
# Whatever one year in one scenario is called: None, a year, a scenario, or both.
Key = Any


@dataclass(frozen=True, eq=False)
class Need:
    """What the program decides on where public money fills the viability gap.

    Parameters
    ----------
    offers
        The offers, their ``cost_pkr`` what each needs over its life (present value, PKR).
    margin_pkr
        Present value of the margin on one kWh/day over the life, by vehicle class (PKR).
    cap_share
        Largest share of that need which public money may pay.
    """

    offers: pd.DataFrame
    margin_pkr: dict[str, float]
    cap_share: float


@dataclass(frozen=True, eq=False)
class Asked:
    """A configuration with the tables that its program is made from.

    Parameters
    ----------
    config
        Of it ``program``, ``solver``, ``offers.subsidy`` and ``reach.cutoff_min``.
    demand
        `siting.tables.DEMAND` by year and scenario, with the same rows in each.
    own
        The same for the demand of the configuration itself, by year (None where there are none).
    offers, reach, compatibility
        What could be built, who reaches it, and which chargers serve whom.
    limits, required, forbidden
        What a plan must keep to beside the budget.
    zones
        The zone of each demand row, by ``demand_id``, blank for none; None without zones.
    people
        People of each zone.
    worth
        Worth of each demand row served whole, by ``demand_id``, by year and scenario, then in the
        configuration's own demand by year; None for energy.
    own_worth
        The same for `own`.
    need
        The viability gap, where public money fills it.
    """

    config: Config
    demand: Mapping[Key, pd.DataFrame]
    own: Mapping[int | None, pd.DataFrame]
    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    limits: tuple[Limit, ...]
    required: tuple[str, ...]
    forbidden: tuple[str, ...]
    zones: pd.Series | None
    people: Mapping[str, float]
    worth: Mapping[Key, pd.Series] | None
    own_worth: Mapping[int | None, pd.Series] | None
    need: Need | None

    @property
    def floors_of_zones(self) -> dict[str, float]:
        """The share that must be served in each zone that has a floor."""
        program = self.config.program
        names = [] if self.zones is None else sorted(set(self.zones) - {""})
        found = dict.fromkeys(names, program.zone_floor) if program.zone_floor > 0 else {}
        return found | {str(k): float(v) for k, v in program.zone_floors.items()}

    @property
    def floors_of_classes(self) -> dict[str, float]:
        """The share that must be served of each vehicle class that has a floor."""
        program = self.config.program
        there = self._wanted("vehicle_class")
        found = dict.fromkeys(there, program.class_floor) if program.class_floor > 0 else {}
        return found | {str(k): float(v) for k, v in program.class_floors.items()}

    def _wanted(self, column: str) -> list[str]:
        rows = pd.concat(self.demand.values())
        return sorted(rows.loc[rows["demand_kwh_day"] > 0, column].astype(str).unique())

    @property
    def city_floor(self) -> float:
        """The share of all the demand that must be served."""
        program = self.config.program
        cheap = program.least_cost
        whole = cheap.served_share if cheap is not None and cheap.of == "demand" else 0.0
        return max(program.min_served_share, whole)

    @property
    def budgeted(self) -> bool:
        """Whether the budget counts: where the least money comes first it does not."""
        return self.config.program.first_aims[:1] != ("least_cost",)


def asked_of(
    config: Config,
    *,
    demand: pd.DataFrame,
    other_demand: Callable[[int | None, str | None, str | None], pd.DataFrame],
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    cells: pd.DataFrame,
    cell_zones: pd.Series | None,
    sessions: pd.DataFrame,
    limits: tuple[Limit, ...],
    required: tuple[str, ...],
    forbidden: tuple[str, ...],
    rules: economics.BusinessRules,
) -> Asked:
    """Return what a configuration asks for, from the tables of its stages.

    Parameters
    ----------
    config
        The configuration.
    demand
        The demand of the configuration itself (`siting.tables.DEMAND`).
    other_demand
        Called with a year, a scenario of the fleet and a case (None: the configuration's) for the
        demand of it.
    offers, reach, compatibility, cells, cell_zones, sessions, limits, required, forbidden, rules
        Tables and figures of the stages.
    """
    program = config.program
    years: Sequence[int | None] = list(program.years.budgets_pkr) if program.years else [None]
    futures = program.scenarios.of if program.scenarios else {}
    own: dict[int | None, pd.DataFrame] = {
        year: demand if year in (None, config.year) else other_demand(year, None, None)
        for year in years
    }
    found: dict[Key, pd.DataFrame] = {}
    for year in years:
        for name, future in futures.items():
            key = name if year is None else (year, name)
            found[key] = other_demand(year, future.fleet, future.case)
    found = _same_rows(found or dict(own), demand)
    own = _same_rows(own, *found.values())
    zones, people = None, {}
    if cell_zones is not None:
        rows = next(iter(own.values()))
        of_row = rows["cell_id"].astype(str).map(cell_zones).fillna("")
        wanted = pd.concat(found.values()).groupby("demand_id")["demand_kwh_day"].sum()
        live = of_row.groupby(of_row).transform("size") > 0
        live &= (rows["demand_id"].map(wanted).groupby(of_row).transform("sum") > 0).to_numpy()
        zones = pd.Series(
            of_row.where(live, "").astype(str).to_numpy(), index=rows["demand_id"].astype(str)
        )
        count = cells["people"].groupby(cell_zones.to_numpy()).sum()
        people = {str(z): float(n) for z, n in count.items() if str(z) in set(zones) - {""}}
    worth = None if program.objective == "energy" else program.objective
    return Asked(
        config,
        found,
        own,
        offers,
        reach,
        compatibility,
        limits,
        required,
        forbidden,
        zones,
        people,
        None if worth is None else {k: _worth(d, worth, cells, sessions) for k, d in found.items()},
        None if worth is None else {k: _worth(d, worth, cells, sessions) for k, d in own.items()},
        _need(config, offers, compatibility, rules)
        if config.offers.subsidy.rule == "gap"
        else None,
    )


def _same_rows[K](tables: Mapping[K, pd.DataFrame], *others: pd.DataFrame) -> dict[K, pd.DataFrame]:
    """Return demands with the rows of all of them and of others, 0 kWh/day where one has none."""
    columns = ["demand_id", "cell_id", "vehicle_class"]
    rows = pd.concat([t[columns] for t in (*tables.values(), *others)])
    rows = rows.drop_duplicates("demand_id").sort_values("demand_id", ignore_index=True)
    out = {}
    for key, table in tables.items():
        kwh = rows["demand_id"].map(table.set_index("demand_id")["demand_kwh_day"])
        out[key] = rows.assign(demand_kwh_day=kwh.fillna(0.0).astype(float))
    return out


def _worth(
    demand: pd.DataFrame, kind: str, cells: pd.DataFrame, sessions: pd.DataFrame
) -> pd.Series[float]:
    """Return the worth of a demand row served whole, by ``demand_id``."""
    wanted = demand["demand_kwh_day"]
    if kind == "sessions":
        kwh = sessions.set_index("vehicle_class")["session_kwh"]
        worth = wanted / demand["vehicle_class"].map(kwh).astype(float)
    else:
        # A cell's people go with its demand: each class row stands for its share of them.
        people = demand["cell_id"].map(cells.set_index("cell_id")["people"]).astype(float)
        whole = wanted.groupby(demand["cell_id"]).transform("sum")
        worth = (people * wanted / whole.where(whole > 0)).fillna(0.0)
    return pd.Series(worth.to_numpy(dtype=float), index=demand["demand_id"].astype(str))


def _need(
    config: Config,
    offers: pd.DataFrame,
    compatibility: pd.DataFrame,
    rules: economics.BusinessRules,
) -> Need:
    """Return the viability gap of the offers.

    A class's margin is the lowest of the chargers it can use, and the cap the strictest of the
    offers: both err against the station.
    """
    terms = economics.gap_terms(offers, rules, sites.Subsidy(**config.offers.subsidy.model_dump()))
    worth = terms["worth_pkr_kwh_day"].to_numpy(dtype=float)
    need = terms["need_pkr"].to_numpy(dtype=float)
    existing = offers["existing"].to_numpy(dtype=bool)
    open_ = (offers["reason"].fillna("").astype(str).str.strip() == "").to_numpy() & ~existing
    margin = {}
    for name in config.demand.vehicle_classes:
        groups = compatibility.loc[compatibility["vehicle_class"] == name, "charger_group"]
        columns = [f"capacity_{group}_kwh_day" for group in groups]
        columns = [column for column in columns if column in offers.columns]
        able = open_ & (offers[columns] > 0).any(axis=1).to_numpy() if columns else open_ & False
        margin[name] = float(worth[able].min()) if able.any() else 0.0
    cap = terms["cap_pkr"].to_numpy(dtype=float)
    share = float((cap[open_] / need[open_]).min()) if open_.any() else 1.0
    # Public money is the program's own decision here, no property of an offer.
    needing = offers.assign(cost_pkr=np.where(existing, 0.0, need), subsidy_pkr=0.0)
    return Need(needing, margin, min(max(share, 1e-9), 1.0))


# --- the program ---------------------------------------------------------------------------------


def instance_of(asked: Asked, demand: pd.DataFrame) -> Instance:
    """Return the data of the program, for one of its demands.

    Parameters
    ----------
    asked
        What is asked.
    demand
        `siting.tables.DEMAND`.
    """
    program, offers = asked.config.program, asked.offers
    budget = program.budget_pkr
    if program.years is not None:
        budget = sum(program.years.budgets_pkr.values())
    if not asked.budgeted:
        budget = max(budget, float(offers["subsidy_pkr"].sum()))
    return Instance.from_tables(
        demand,
        offers if asked.need is None else asked.need.offers,
        asked.reach,
        asked.compatibility,
        budget,
        limits=asked.limits,
        required=asked.required,
        forbidden=asked.forbidden,
    )


def program_of(asked: Asked) -> Program:
    """Return the program that a configuration asks for.

    Parameters
    ----------
    asked
        The configuration, with the tables of its stages.

    Raises
    ------
    InputError
        With every zone or class that is not there, and every fault of the tables.
    InfeasibleError
        With every limit that what stands and what is required break by themselves.
    """
    keys = asked.config.program
    years, futures = keys.years, keys.scenarios
    last = list(asked.own)[-1]
    made = Program(instance_of(asked, asked.own[last]), keys.model)
    demand = {key: _by_id(table) for key, table in asked.demand.items()}
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
    made = counted(made, asked, asked.worth)
    made = _with_floors(made, asked)
    if asked.need is not None:
        made = made.viability_gap(GapRule(asked.need.margin_pkr, asked.need.cap_share))
    if not asked.budgeted:
        made = made.without_budget()
    for aim in aims_of(asked.config):
        made = _with_aim(made, asked, aim)
    return made


def counted(program: Program, asked: Asked, worth: Mapping[Any, pd.Series] | None) -> Program:
    """Return a program that counts what the configuration does: people, sessions, near drives."""
    keys = asked.config.program
    if worth is not None:
        program = program.worth(worth, UNITS[keys.objective])
    if keys.decay is not None:
        program = program.decay(_decay(keys.decay), asked.config.reach.cutoff_min)
    return program


def _with_floors(program: Program, asked: Asked) -> Program:
    keys, when = asked.config.program, asked.config.program.floors_in
    if asked.city_floor > 0:
        program = program.floor(asked.city_floor, when=when)
    cheap = keys.least_cost
    if cheap is not None and cheap.of == "reachable":
        instance = program.instance
        near = pd.Series(np.where(instance.served_pairs, REACHABLE, ""), index=instance.demand_ids)
        program = program.floor({REACHABLE: cheap.served_share}, near, when)
    if asked.floors_of_zones:
        zones = zones_named(asked)
        plain = zones if asked.zones is None else asked.zones
        _require_known(asked.floors_of_zones, set(plain) - {""}, "program.zone_floors")
        renamed = dict(zip(plain, zones, strict=True))
        program = program.floor(
            {renamed[name]: share for name, share in asked.floors_of_zones.items()}, zones, when
        )
    if asked.floors_of_classes:
        program = program.floor(asked.floors_of_classes, "class", when)
    return program


def zones_named(asked: Asked) -> pd.Series:
    """Return the zones by ``demand_id``, told apart from the city and from vehicle classes."""
    assert asked.zones is not None  # the configuration's own check
    taken = {"city", REACHABLE, *asked.config.demand.vehicle_classes}
    return asked.zones.map(lambda name: f"zone {name}" if name in taken else name)


def _require_known(asked: Mapping[str, float], there: set[str], key: str) -> None:
    faults = []
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1, cutoff=0.6)
            fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(there))}"
            faults.append(Fault(f"{key}.{name}", "no such zone with demand in it", fix))
    if faults:
        raise InputError(faults)


def _by_id(demand: pd.DataFrame) -> pd.Series[float]:
    return demand.set_index("demand_id")["demand_kwh_day"]


def _decay(asked: Any) -> Decay:
    if asked.kind == "step":
        return StepDecay({float(minutes): factor for minutes, factor in asked.factors.items()})
    if asked.kind == "linear":
        return LinearDecay(asked.full_min, asked.end_min, asked.least)
    if asked.kind == "exponential":
        return ExponentialDecay(asked.scale_min)
    return GaussianDecay(asked.sigma_min)


# --- aims ----------------------------------------------------------------------------------------


def aims_of(config: Config) -> list[str]:
    """Return what is to be best, one after the other: keys of the configuration, or aims."""
    program = config.program
    # Of plans as fair, as cheap or as safe, the one that serves the most of what is counted.
    usual = () if "most_worth" in program.then else ("most_worth",)
    return [*program.first_aims, *usual, *program.then]


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
    return {
        "most_worth": program.most_worth,
        "least_money": program.least_money,
        "shortest_drives": program.shortest_drives,
    }[aim]()


def aim_in_words(config: Config) -> str:
    """Return what a configuration aims at, as a planner says it."""
    program = config.program
    futures, cheap = program.scenarios, program.least_cost
    most = "energy" if program.objective == "energy" else f"served {program.objective}"
    words = {
        "fairness": "the worst zone served best",
        "most_worth": f"the most {most}",
        "least_money": "the least public money",
        "shortest_drives": "the shortest drives",
    }
    if cheap is not None:
        money = "public money" if cheap.money == "subsidy_pkr" else "cost in all"
        words["least_cost"] = f"the least {money} that serves {cheap.served_share:.0%} of the " + (
            "demand" if cheap.of == "demand" else "demand in reach"
        )
    if futures is not None:
        words["scenarios"] = {
            "expected": "",
            "regret": "the least worst regret over the scenarios",
            "cvar": f"the best average of the worst {1 - futures.alpha:.0%} of outcomes",
        }[futures.criterion]
    first, *later = [words[aim] for aim in aims_of(config)]
    if program.years is not None:
        first += " over the years, discounted"
    elif aims_of(config)[0] == "most_worth" and config.offers.subsidy.rule != "gap":
        first += " for the budget"
    if futures is not None and futures.criterion == "expected":
        first += ", on average over the scenarios"
    parts = [", then ".join([first, *later])]
    if program.decay is not None:
        parts.append(", nearer counting more")
    if blocks_of(config) & {"zone_floor", "zone_floors", "class_floor", "class_floors"}:
        parts.append(", floors held")
    if config.offers.subsidy.rule == "gap":
        parts.append(", where public money fills what the business case lacks")
    return "".join(parts)


def blocks_of(config: Config) -> set[str]:
    """Return the keys of the program that are in use, and ``viability_gap``."""
    program = config.program
    plain = type(program)(budget_pkr=program.budget_pkr)
    used = {
        name
        for name in type(program).model_fields
        if getattr(program, name) != getattr(plain, name)
    }
    return used | ({"viability_gap"} if config.offers.subsidy.rule == "gap" else set())


# --- the answer ----------------------------------------------------------------------------------


def answer_of(
    program: Program,
    config: Config,
    limit_s: float,
    *,
    start: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> Answer:
    """Return the answer of a program, solved as the section ``solver`` says.

    Parameters
    ----------
    program
        The program.
    config
        Of it ``solver``.
    limit_s
        Seconds to take at most.
    start
        Offers of an earlier plan.
    progress
        Called now and then while solving.
    """
    solver = config.solver
    return solve(
        program,
        gap=solver.gap,
        time_limit_s=max(limit_s, 0.05),
        threads=solver.threads,
        seed=solver.seed,
        method=solver.method,
        solver=solver.name,
        progress=progress,
        start=list(start) or None,
    )
