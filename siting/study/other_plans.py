"""Make further plans: near-optimal plans, each scenario's best plan, and a plan made year by year.

If the time left is too short, a function returns None or fewer plans.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from siting.config import Config
from siting.config.program import Alternatives
from siting.engine.answer import Answer
from siting.engine.clock import Progress
from siting.engine.fixed import plan_of
from siting.errors import InfeasibleError, SolveError
from siting.interrupts import stop_wished
from siting.program.obligations import extends
from siting.program.program import Program
from siting.study.program_inputs import Asked
from siting.study.revalue import NO_FLOORS, with_program
from siting.study.to_program import answer_of, instance_of, program_of, with_worth
from siting.tables import capacity_columns, reasons_of


@dataclass
class Effort:
    """The time left before a configuration's time limit is reached."""

    config: Config
    progress: Callable[[Progress], None] | None = None
    over: bool = False  # whether Ctrl-C was pressed, after which nothing more is solved
    begun: float = field(default_factory=time.perf_counter)

    @property
    def left_s(self) -> float:
        """Time left (s)."""
        return self.config.solver.time_limit_s - (time.perf_counter() - self.begun)

    def solve(self, program: Program, share: float = 1.0, start: Sequence[str] = ()) -> Answer:
        """Solve a program within a share of the time left."""
        limit_s = share * self.left_s
        answer = answer_of(program, self.config, limit_s, start=start, progress=self.progress)
        self.over |= answer.proof.stopped == "interrupted"
        return answer

    def attempt(
        self, program: Program, share: float = 1.0, start: Sequence[str] = ()
    ) -> Answer | None:
        """Solve a program; return None if no plan exists, or if no plan is found in time."""
        if self.over or stop_wished() or self.left_s <= 0:
            return None
        try:
            return self.solve(program, share, start)
        except (InfeasibleError, SolveError):
            return None


def only_these(asked: Asked, built: pd.DataFrame) -> dict[int | None, pd.DataFrame]:
    """Return, by year, the energy of the configuration's own demand that a plan's stations serve.

    `built` has one row per ``year`` and station in operation, with its ``offer_id``.
    """
    services = {}
    # The plan's stations already satisfy all limits and requirements.
    bare = instance_of(replace(asked, limits=(), required=()))
    for year, demand in asked.own.items():
        kwh = demand.set_index("demand_id")["demand_kwh_day"]
        program = Program(bare, asked.config.program.model).scenarios({"own": 1.0}, {"own": kwh})
        worth = None if asked.own_worth is None else {"own": asked.own_worth[year]}
        offers = (built if year is None else built[built["year"] == year])["offer_id"].unique()
        services[year] = plan_of(with_worth(program, asked, worth), offers.tolist()).service()
    return services


def best_by_scenario(program: Program, effort: Effort, start: Sequence[str]) -> list[Answer] | None:
    """Return the best plan for each single scenario; None if any plan is not found in time."""
    assert program.scenario_plan is not None
    count = len(program.scenario_plan.names)
    best_plans = []
    for k in range(count):
        if (answer := effort.attempt(program.only_scenario(k), 1 / (count - k), start)) is None:
            return None
        best_plans.append(answer)
    return best_plans


def alternatives(
    program: Program, first: Answer, asked: Alternatives, effort: Effort
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table of near-optimal plans, and a table of their sites.

    The first plan is `first`. Each further plan differs from all earlier plans. The search for all
    further plans takes at most the time left in `effort`. Columns of the plans: ``plan``,
    ``worth``, ``unit``, ``bound``, ``gap``, ``status``, ``loss_share`` and ``offers``. Columns of
    the sites: ``site_id``, ``plans`` (the number of plans with a station there) and ``share``
    (``plans`` as a share of all plans).
    """
    plans, losses = [first], [0.0]
    best = first.proof
    more = best.bound >= best.objective
    for n in range(1, asked.count):
        program = program.differ_from(plans[-1].offers, asked.differ_by)
        if (answer := effort.attempt(program, 1 / (asked.count - n))) is None:
            break
        lost = best.objective - answer.proof.objective
        more = more and answer.proof.bound >= answer.proof.objective
        lost = max(0.0, lost if more else -lost)
        loss = lost / abs(best.objective) if best.objective else 0.0
        if asked.within_share is not None and loss > asked.within_share * (1 + 1e-9) + 1e-12:
            break
        plans.append(answer)
        losses.append(loss)
    proofs = [plan.proof for plan in plans]
    table = pd.DataFrame(
        {
            "plan": range(1, len(plans) + 1),
            "worth": [proof.objective for proof in proofs],
            **{n: [getattr(p, n) for p in proofs] for n in ("unit", "bound", "gap", "status")},
            "loss_share": losses,
            "offers": [" ".join(plan.offers) for plan in plans],
        }
    )
    last = [plan.built[plan.built["slice"] == plan.program.slices[-1].name] for plan in plans]
    count = pd.concat(last)["site_id"].value_counts()
    sites = pd.DataFrame({"site_id": count.index.astype("str"), "plans": count.to_numpy()})
    sites["share"] = sites["plans"] / len(plans)
    sites = sites.sort_values(["plans", "site_id"], ascending=[False, True], ignore_index=True)
    return table, sites


def myopic(asked: Asked, effort: Effort) -> list[Answer] | None:
    """Return a plan for each year, made without regard to later years; None if any is missing."""
    years = asked.config.program.years
    assert years is not None
    stands: dict[str, str] = {}
    drawn: dict[str, float] = {}
    price = asked.offers.set_index("offer_id")["subsidy_pkr"].astype(float).to_dict()
    carried, year_plans = 0.0, []
    budgets = list(years.budgets_pkr.items())
    for t, (year, granted) in enumerate(budgets):
        offers = _standing(asked.offers, stands, upgrades=years.upgrades)
        alone = _one_year(asked, year, offers, granted + carried, drawn)
        try:
            program = program_of(alone)
        except InfeasibleError:
            return None
        if (answer := effort.attempt(program, 1 / (len(budgets) - t))) is None:
            return None
        year_plans.append(answer)
        carried = max(granted + carried - answer.subsidy_pkr, 0.0) if years.carry_over else 0.0
        stands = dict(answer.built[["site_id", "offer_id"]].itertuples(index=False, name=None))
        drawn = {offer_id: price[offer_id] for offer_id in stands.values()}
    return year_plans


def _one_year(
    asked: Asked, year: int, offers: pd.DataFrame, budget_pkr: float, drawn: Mapping[str, float]
) -> Asked:
    """Return the inputs for a single year; `drawn` has earlier years' payments, by ``offer_id``."""
    keys: dict[str, object] = {"years": None, "budget_pkr": budget_pkr}
    # Limits on public money are reduced by the payments of earlier years.
    limits = tuple(
        replace(one, at_most=max(one.at_most - one.used(drawn), 0.0)) if one.per_rupee else one
        for one in asked.limits
    )
    required = asked.required
    if year != list(asked.own)[-1]:
        limits, required = tuple(one for one in limits if one.at_least <= 0), ()
        if asked.config.program.floors_in == "last":
            keys |= NO_FLOORS
    demand: dict[int | None, pd.DataFrame] = {None: asked.own[year]}
    worth: Mapping[int | None, pd.Series] | None
    worth = None if asked.own_worth is None else {None: asked.own_worth[year]}
    alone = replace(asked, demand=demand, own=demand, worth=worth, own_worth=worth)
    alone = replace(alone, offers=offers, limits=limits, required=required)
    return with_program(alone, **keys)


def _standing(offers: pd.DataFrame, stands: dict[str, str], *, upgrades: bool) -> pd.DataFrame:
    """Return the offers of a year, given the offers built in earlier years (`stands`, by site)."""
    offer_id, site = offers["offer_id"].astype(str), offers["site_id"].astype(str)
    before = offers["existing"].to_numpy(bool) & offer_id.isin(list(stands.values())).to_numpy()
    now = site.map({s: o for s, o in stands.items() if s not in set(site[before])})
    here, there = now.notna().to_numpy(), (offer_id == now).to_numpy()
    sizes = [*capacity_columns(offers), "power_kw", "subsidy_pkr"]
    # Earlier payments are sunk, so a larger station costs only the difference.
    prices = [c for c in offers.columns if str(c).endswith(("cost_pkr", "subsidy_pkr"))]
    by_id = offers.assign(offer_id=offer_id).set_index("offer_id")
    bigger, paid = np.zeros(len(offers), dtype=bool), offers[prices].fillna(0.0).astype(float)
    if here.any():
        old = by_id.loc[now[here].tolist()]
        bigger[here] = (offers.loc[here, sizes].to_numpy() >= old[sizes].to_numpy()).all(axis=1)
        less = paid.loc[here].to_numpy() - old[prices].fillna(0.0).to_numpy(dtype=float)
        paid.loc[here] = np.maximum(less, 0.0)
        # The additional cost caps the additional subsidy, which would exceed this cost for some
        # mixes of chargers.
        paid["subsidy_pkr"] = paid[["subsidy_pkr", "cost_pkr"]].min(axis=1)
    reason = reasons_of(offers)
    return offers.assign(
        **{name: np.where(here, paid[name], offers[name]) for name in prices},
        existing=np.where(here, there, offers["existing"].to_numpy(bool)),
        extends=np.where(here, bigger & ~there & upgrades, extends(offers)),
        reason=reason.mask(here & ~there & ~(bigger & upgrades), "another station is there"),
    )
