"""Service of plans whose offers are fixed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from siting.engine.answer import AimProof, Answer
from siting.engine.choice import only_offers, value_of_choice
from siting.engine.cover import served_whole
from siting.engine.frame import Frame
from siting.engine.proof import Proof
from siting.engine.served import worked_out
from siting.engine.values import less_is_better, unit_of, value_of
from siting.errors import SolveError
from siting.program.aims import Aim, Drives, LeastMoney, LeastRegret, MostWorth, Tail
from siting.program.instance import Instance, Ints
from siting.program.matrix import Reached
from siting.program.program import Program

# Offers by id; by year where they differ.
Standing = Iterable[str] | Mapping[int, Iterable[str]]


def plan_of(program: Program, offers: Standing, *, within_budget: bool = False) -> Answer:
    """Return the answer of a program for given offers: their service, without a proof.

    Budget, limits, floors, distances and required sites are ignored, so that a plan that breaks
    them is computed too; the floor table still lists the energy served. Aims count as far as the
    fixed offers leave a decision.

    Parameters
    ----------
    program
        The program.
    offers
        Ids of the offers that stand, existing ones included, at most one a site; by year, or one
        list for all years.
    within_budget
        Whether budget and caps limit the public money that fills viability gaps.

    Raises
    ------
    InputError
        If an offer is unknown, or two are at one site.
    SolveError
        If budget and caps hold and cannot pay for these offers.
    """
    years = program.year_plan.years if program.year_plan else (0,)
    given = offers if isinstance(offers, Mapping) else dict.fromkeys(years, tuple(offers))
    stand = [program.instance.positions_of(given.get(year, ())) for year in years]
    all_ = np.unique(np.concatenate(stand))
    bare = replace(
        program,
        instance=only_offers(program.instance, all_),
        budgeted=within_budget and program.budgeted and program.gap is not None,
        floors=tuple(replace(floor, share=0.0) for floor in program.floors),
        distances=(),
        aims=tuple(dict.fromkeys(_left_to_decide(program))),
    )
    wanted = np.full((len(program.instance.site_ids), len(years)), -1, dtype=np.int64)
    for t, positions in enumerate(stand):
        wanted[program.instance.offer_site[positions], t] = np.searchsorted(all_, positions)
    options = bare.options
    choice = np.flatnonzero((options.offer == wanted[options.site]).all(axis=1))
    try:
        return _answer(bare, choice)
    except SolveError:
        if bare.gap is None or within_budget:
            raise
        # An outside station may have a wider gap than public money may fill.
        return _answer(replace(bare, gap=replace(bare.gap, cap=1.0)), choice)


def _left_to_decide(program: Program) -> list[Aim]:
    """Return the aims that differ between ways to serve from the same stations.

    Drives come last: they would be shortest if nothing were served.
    """
    out: list[Aim] = []
    for aim in program.all_aims:
        if isinstance(aim, LeastRegret | Tail):
            out.append(MostWorth())  # each scenario gets its best service
        elif not isinstance(aim, LeastMoney) or program.gap is not None:
            out.append(aim)
    drives = [aim for aim in out if isinstance(aim, Drives)]
    others = [aim for aim in out if not isinstance(aim, Drives)]
    return [*(others or [MostWorth()]), *drives]


def _answer(program: Program, choice: Ints) -> Answer:
    reached: list[Reached] = []
    for aim in program.all_aims:
        if served_whole(program.all_aims, program):
            reached.append(Reached(aim, 0.0))  # all aims give the same service
            continue
        frame = Frame(program, aim, reached)
        reached.append(Reached(aim, frame.sign * value_of_choice(frame, choice)))
    none = (*worked_out(program, choice, reached), (), "exact", "", "")
    answer = Answer(program, choice, *none)  # type: ignore[arg-type]
    proofs = []
    for aim in program.all_aims:
        less = less_is_better(aim)
        proof = Proof.of(
            value_of(answer, aim),
            -math.inf if less else math.inf,
            gap_asked=0.0,
            stopped="solver stopped",
            unit=unit_of(answer.program, aim),
            maximise=not less,
        )
        proofs.append(AimProof(aim.name, proof))
    return replace(answer, proofs=tuple(proofs))


def assign(
    instance: Instance, offer_ids: Iterable[str], model: str = "capacitated"
) -> pd.DataFrame:
    """Return the service by demand row and site, in kWh/day and minutes.

    Parameters
    ----------
    instance
        The data the offers were chosen for.
    offer_ids
        Offers that stand, existing ones included; at most one a site.
    model
        ``capacitated``: as much as the chargers can deliver, then the shortest drives.
        ``coverage``: all demand in reach of a compatible station, each row by the nearest.

    Raises
    ------
    InputError
        If an offer is unknown, two are at one site, or the model is unknown.
    """
    return plan_of(Program(instance, model), offer_ids).service()
