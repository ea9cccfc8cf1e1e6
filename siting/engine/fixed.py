"""The energy that a plan serves if its offers are already fixed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from siting.engine.answer import AimProof, Answer
from siting.engine.cover import served_whole
from siting.engine.highs import highs_version
from siting.engine.proof import Stopped
from siting.engine.served import reached_again, worked_out
from siting.engine.solvers import HIGHS
from siting.errors import Fault, SolveError, listed
from siting.program.aims import Aim, MostWorth
from siting.program.instance import Instance, Ints
from siting.program.matrix import Reached
from siting.program.program import Program

# Offer ids: one list for all years, or a mapping from year to list.
Standing = Iterable[str] | Mapping[int, Iterable[str]]


def plan_of(program: Program, offers: Standing, *, within_budget: bool = False) -> Answer:
    """Return the solution of a program with fixed offers (the energy they serve), without a proof.

    Budget, limits, floors, distances and required sites are ignored, so a plan may violate them.
    Aims whose values depend on the offers alone are left out. `offers`: ids of the offers in place,
    including existing ones, at most one per site, for all years or for each year. `within_budget`:
    whether the budget and the caps limit the money that fills viability gaps.

    Raises `InputError` if an offer is unknown or two offers are at the same site, and `SolveError`
    if the budget and the caps apply and allow too little money for these offers.
    """
    stand = _standing(program, offers)
    all_ = np.unique(np.concatenate(list(map(program.instance.positions_of, stand))))
    bare = replace(
        program,
        instance=only_offers(program.instance, all_),
        budgeted=within_budget and program.budgeted and program.gap is not None,
        floors=tuple(replace(floor, share=0.0) for floor in program.floors),
        distances=(),
        aims=_left_to_decide(program),
    )
    try:
        return proven(bare, offers)
    except SolveError:
        if bare.gap is None or within_budget:
            raise
        # A plan made elsewhere may have viability gaps above their caps.
        return proven(replace(bare, gap=replace(bare.gap, cap=1.0)), offers)


def only_offers(instance: Instance, kept: Ints) -> Instance:
    """Return an instance that has only the given offers, requires their sites, and has no limits.

    Bundles and opening years are dropped, because the offers may violate them.
    """
    return replace(
        instance.with_offers(kept),
        limits=(),
        required_sites=np.unique(instance.offer_site[kept]),
        offer_bundle=np.full(len(kept), "", dtype=object),
        offer_opens=np.zeros(len(kept), dtype=np.int64),
    )


def choice_of(program: Program, offers: Standing) -> Ints:
    """Return, for each site, the option that has exactly the given offers."""
    stand = _standing(program, offers)
    wanted = np.full((len(program.instance.site_ids), len(stand)), -1, dtype=np.int64)
    for t, ids in enumerate(stand):
        positions = program.instance.positions_of(ids)
        wanted[program.instance.offer_site[positions], t] = positions
    options = program.options
    return np.flatnonzero((options.offer == wanted[options.site]).all(axis=1))


def proven(
    program: Program, offers: Standing, bounds: Sequence[float] = (), *, gap_asked: float = 0.0,
    stopped: Stopped = "solver stopped", seconds: dict[str, float] | None = None,
) -> Answer:  # fmt: skip
    """Return the solution of a program with fixed offers, with a proven bound on each aim.

    `bounds`: for each aim, a bound on any plan (default: infinite); other parameters: as in
    `Proof`.
    """
    choice = choice_of(program, offers)
    reached: list[Reached] = []
    alike = served_whole(program.all_aims, program)  # whether service is the same for all aims
    for aim in _left_to_decide(program):
        value = 0.0
        if not alike:
            found = reached_again(program, aim, reached, choice)
            if found is None:
                raise SolveError(Fault("plan", "the energy that it serves could not be computed"))
            frame, served = found
            value = frame.sign * frame.signed(served.objective)
        reached.append(Reached(aim, value))
    solver = (HIGHS, highs_version()) if bounds else ("", "")
    answer = Answer(program, choice, *worked_out(program, choice, reached), (), "exact", *solver)
    proofs = []
    for n, aim in enumerate(program.all_aims):
        bound = bounds[n] if bounds else -math.inf if aim.less_is_better else math.inf
        proofs.append(
            AimProof.of(aim, answer, bound, gap_asked=gap_asked, stopped=stopped, seconds=seconds)
        )
    return replace(answer, proofs=tuple(proofs))


def _standing(program: Program, offers: Standing) -> list[Iterable[str]]:
    years = program.year_plan.years if program.year_plan else (0,)
    given = offers if isinstance(offers, Mapping) else dict.fromkeys(years, tuple(offers))
    return [given.get(year, ()) for year in years]


def _left_to_decide(program: Program) -> tuple[Aim, ...]:
    """Return the distinct aims whose value depends on how fixed stations serve demand.

    Aims that count drive times come last: if they came first, serving nothing would be best.
    """
    out: list[Aim] = []
    for aim in program.all_aims:
        if aim.of_scenarios:
            out.append(MostWorth())  # each scenario is served as well as possible
        elif not aim.of_money or program.gap is not None:
            out.append(aim)
    if all(aim.of_drives for aim in out):
        out.append(MostWorth())
    return tuple(dict.fromkeys(sorted(out, key=lambda aim: aim.of_drives)))


def assign(
    instance: Instance, offer_ids: Iterable[str], model: str = "capacitated"
) -> pd.DataFrame:
    """Return the energy served (kWh/day) and drive time (minutes) for each demand row and site.

    Parameters
    ----------
    instance
        The data for which the offers were chosen.
    offer_ids
        Offers in place, including existing ones; at most one per site.
    model
        ``capacitated``: serve the most energy that chargers can deliver, then shorten drive times.
        ``coverage``: the nearest compatible station in reach serves all demand of a row.

    Raises
    ------
    InputError
        If an offer is unknown, two offers are at the same site, or the model is unknown.
    """
    return plan_of(Program(instance, model), listed("offers", offer_ids)).service()
