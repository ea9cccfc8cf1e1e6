"""From an instance to an answer with a proven bound.

The order of work: fill the budget greedily; solve the linear relaxation for a bound and for a first
idea; round it, and exchange sites; then close what is left of the gap on the projected program,
whose every optimum is valued exactly and gives new cuts (`siting.solve.projection`). Nothing
depends on the clock until the time limit strikes, so two runs give the same plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pulp

from siting.errors import Fault, InputError, SolveError
from siting.models import capacitated, coverage
from siting.models.instance import Instance
from siting.models.merge import merge_equal_reach
from siting.models.program import Program
from siting.solve.clock import Clock
from siting.solve.highs import highs_version
from siting.solve.projection import Projection
from siting.solve.relaxation import Relaxed, relax
from siting.solve.search import exchange, fill, polish, round_relaxed
from siting.solve.solution import (
    ARITHMETIC,
    Progress,
    Solution,
    Stopped,
    TieBreak,
    relative_gap,
)
from siting.solve.stdout import quiet_stdout
from siting.solve.ties import EXACT_GAP, break_ties
from siting.solve.valuer import State, Valuer

MODELS: dict[str, Callable[..., Program]] = {"capacitated": capacitated, "coverage": coverage}
ROUND_AT = (0.999, 0.5, 0.05)
PASSES = 60
NODES_A_ROUND = 50_000
ROUNDS = 400


@dataclass
class _Search:
    """What a solve has found so far."""

    clock: Clock
    best: State
    bound: float
    nodes: int = 0
    seen: set[bytes] = field(default_factory=set)

    def take(self, state: State) -> None:
        """Keep a choice if it serves more than the best so far."""
        if state.value > self.best.value:
            self.best = state
        self.clock.incumbent = self.best.value

    def lower(self, bound: float) -> None:
        """Lower the bound, never below what a plan was seen to serve."""
        self.bound = max(min(self.bound, bound), self.best.value)
        self.clock.bound = self.bound

    def proven(self, gap: float) -> bool:
        """Whether the gap is within what was asked, the solver's arithmetic apart."""
        return relative_gap(self.best.value, self.bound) <= max(gap, ARITHMETIC)


def solve(
    instance: Instance,
    model: str = "capacitated",
    *,
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    solver: str = "HiGHS",
    progress: Callable[[Progress], None] | None = None,
) -> Solution:
    """Return the plan that serves the most energy (kWh/day) within the budget, and its bound.

    Parameters
    ----------
    instance
        What could be built, and whom it could serve.
    model
        ``capacitated``: a station serves no more than its chargers deliver. ``coverage``: whatever
        is within reach of a station it can use counts as served.
    gap
        Stop when the plan is proven to be within this share of the best; 0 asks for the best, and
        breaks ties exactly.
    time_limit_s
        Stop after this many seconds with the best plan so far and its bound.
    threads, seed
        Processor cores for the solver, and its random seed.
    solver
        ``HiGHS``, or the name of another solver that PuLP knows and the machine has; that one is
        given the whole program, without a start.
    progress
        Called with a `Progress` a few times a second.

    Raises
    ------
    InputError
        If a setting cannot be right.
    SolveError
        If the solver is not installed, or fails.

    Examples
    --------
    >>> from siting.models.instance import Instance
    >>> import pandas as pd
    >>> demand = pd.DataFrame({"demand_id": ["d1"], "cell_id": ["c1"],
    ...     "vehicle_class": ["car"], "demand_kwh_day": [50.0]})
    >>> offers = pd.DataFrame({"offer_id": ["s1:fast"], "site_id": ["s1"],
    ...     "configuration": ["fast"], "chargers": ["1 x dc_60"], "existing": [False],
    ...     "power_kw": [60.0], "charger_cost_pkr": [6e6], "grid_cost_pkr": [1e6],
    ...     "fee_cost_pkr": [0.0], "cost_pkr": [7e6], "subsidy_pkr": [3e6],
    ...     "capacity_dc_kwh_day": [40.0], "reason": [""]})
    >>> reach = pd.DataFrame({"cell_id": ["c1"], "site_id": ["s1"], "travel_min": [4.0]})
    >>> plugs = pd.DataFrame({"charger_group": ["dc"], "vehicle_class": ["car"]})
    >>> answer = solve(Instance.from_tables(demand, offers, reach, plugs, 5e6), gap=0)
    >>> answer.status, answer.offers, round(answer.objective_kwh_day, 6)
    ('optimal', ('s1:fast',), 40.0)
    """
    _require(model, gap, time_limit_s, threads, seed)
    clock = Clock(time_limit_s, progress)
    demand = merge_equal_reach(instance)
    program = MODELS[model](instance, demand)
    valuer = Valuer(instance, demand, capacitated=model == "capacitated")
    found = _Search(clock, valuer.at(valuer.base), demand.reachable_kwh_day)
    found.lower(_most(valuer))
    tie_break: TieBreak = "polished"
    if solver == "HiGHS":
        try:
            cuts = _improve(program, valuer, found, gap=gap, threads=threads, seed=seed)
            if gap <= EXACT_GAP and found.proven(gap) and cuts is not None:
                exact = break_ties(program, valuer, found.best, clock, threads=threads, seed=seed)
                if exact is not None:
                    found.best, tie_break = exact, "exact"
        except KeyboardInterrupt:
            clock.interrupted = True
    else:
        _solve_elsewhere(program, valuer, found, solver, gap=gap)
    proven = found.proven(gap)
    if tie_break == "polished":
        with clock.phase("ties"):
            found.best = polish(valuer, found.best, clock)
    offers = valuer.offers_of(found.best.choice)
    objective = found.best.value
    bound = max(found.bound, objective)
    if bound - objective <= ARITHMETIC * max(1.0, objective):
        bound = objective
    return Solution(
        model=model,
        status="optimal" if proven else "feasible",
        offers=tuple(str(name) for name in instance.offer_ids[offers]),
        objective_kwh_day=objective,
        bound_kwh_day=bound,
        gap=relative_gap(objective, bound),
        gap_asked=gap,
        stopped=_why(found, proven=proven),
        nodes=found.nodes,
        seconds={k: round(v, 3) for k, v in clock.seconds.items()}
        | {"total": round(clock.elapsed_s, 3)},
        tie_break=tie_break,
        subsidy_pkr=float(instance.offer_subsidy[offers].sum()),
        cost_pkr=float(instance.offer_cost[offers].sum()),
        budget_pkr=instance.budget_pkr,
        demand_kwh_day=instance.demand_kwh_day,
        solver=solver,
        solver_version=highs_version() if solver == "HiGHS" else f"PuLP {pulp.__version__}",
    )


def _improve(
    program: Program, valuer: Valuer, found: _Search, *, gap: float, threads: int, seed: int
) -> Projection | None:
    """Find better plans and lower the bound until the gap is proven or time is over."""
    clock = found.clock
    with clock.phase("start"):
        found.take(fill(valuer, found.best, clock))
    with clock.phase("relaxation"):
        relaxed = relax(program, valuer, clock, threads=threads, seed=seed, seconds=clock.left_s)
    if relaxed is not None:
        found.lower(relaxed.bound)
    with clock.phase("start"):
        for least in ROUND_AT if relaxed is not None and not found.proven(gap) else ():
            assert relaxed is not None
            found.take(round_relaxed(valuer, relaxed.taken, least, clock))
    if found.proven(gap) and gap > EXACT_GAP:
        return None
    with clock.phase("search"):
        found.take(exchange(valuer, found.best, clock, passes=PASSES))
    return _project(program, valuer, found, relaxed, gap=gap, threads=threads, seed=seed)


def _project(
    program: Program,
    valuer: Valuer,
    found: _Search,
    relaxed: Relaxed | None,
    *,
    gap: float,
    threads: int,
    seed: int,
) -> Projection:
    """Close the gap on the projected program."""
    clock = found.clock
    projection = Projection(program, valuer)
    for cut in valuer.plain_cuts():
        projection.add(cut)
    for p, weights in enumerate(relaxed.weights if relaxed is not None else []):
        projection.add(valuer.cut(p, weights))
    for cuts in valuer.cuts:
        for cut in cuts[-8:]:
            projection.add(cut)
    for _ in range(ROUNDS):
        if found.proven(gap) or clock.over:
            break
        with clock.phase("projection"):
            bound, choice = projection.solve(
                clock,
                gap=gap / 4,
                threads=threads,
                seed=seed,
                nodes=NODES_A_ROUND,
                seconds=clock.left_s,
            )
        found.nodes += projection.nodes
        found.lower(bound)
        if choice is None:
            break
        with clock.phase("search"):
            for cut in valuer.fresh_cuts(choice):
                projection.add(cut)
            state = valuer.at(choice)
            found.take(state)
            again = choice.tobytes() in found.seen
            found.seen.add(choice.tobytes())
            if not found.proven(gap) and not again:
                better = exchange(valuer, fill(valuer, state, clock), clock, passes=20)
                found.take(better)
                for cut in valuer.fresh_cuts(better.choice):
                    projection.add(cut)
            elif again and not found.proven(gap):
                # Its cuts are in already, so the solver's arithmetic lets it through: what is left
                # of the gap is below what the projection can tell.
                break
    return projection


def _solve_elsewhere(
    program: Program, valuer: Valuer, found: _Search, name: str, *, gap: float
) -> None:
    """Have another solver of PuLP's solve the whole program."""
    available = pulp.listSolvers(onlyAvailable=True)
    if name not in available:
        raise SolveError(
            Fault(
                "solver.name",
                f"{name!r} is not a solver this machine has",
                "it has: " + ", ".join(available),
            )
        )
    clock = found.clock
    with clock.phase("program"), quiet_stdout():
        solver = pulp.getSolver(name, msg=False, timeLimit=clock.left_s, gapRel=gap)
        stats = program.prob.solve(solver)
    if stats.has_solution:
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in program.z])
        found.take(valuer.at(valuer.choice_of(program.offer[taken])))
    bound = stats.best_bound
    if bound is None and stats.status == pulp.LpSolveStatus.Optimal and stats.objective is not None:
        # The solver says optimal and no more: then its own gap is all that is known.
        bound = stats.objective * (1 + gap)
    if bound is not None and math.isfinite(bound):
        found.lower(float(bound))


def _most(valuer: Valuer) -> float:
    """Return a bound that needs no solver: every site takes the option that serves most."""
    least = [math.inf] * len(valuer.parts)
    for cut in valuer.plain_cuts():
        most = cut.constant + float(cut.coefficient.max(axis=1).sum())
        least[cut.part] = min(least[cut.part], most)
    return sum(least)


def _why(found: _Search, *, proven: bool) -> Stopped:
    if proven:
        return "gap reached"
    if found.clock.interrupted:
        return "interrupted"
    return "time limit" if found.clock.left_s <= 0 else "solver stopped"


def _require(model: str, gap: float, time_limit_s: float, threads: int, seed: int) -> None:
    faults = []
    if model not in MODELS:
        faults.append(Fault("model", f"{model!r} is not one of {', '.join(MODELS)}"))
    for name, value, good, want in (
        ("gap", gap, 0 <= gap < 1, "a share of at least 0 and below 1"),
        ("time_limit_s", time_limit_s, time_limit_s > 0, "seconds above 0"),
        ("threads", threads, threads >= 1, "at least 1"),
        ("seed", seed, seed >= 0, "at least 0"),
    ):
        if not good:
            faults.append(Fault(name, f"{value} given, expected {want}"))
    if faults:
        raise InputError(faults)
