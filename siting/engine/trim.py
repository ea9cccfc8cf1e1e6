"""Of plans within the gap asked: without the stations that bring too little for their money.

A gap leaves room for stations that hardly anybody would miss, bought because the money was there.
While the plan stays within the gap of its bound, the station goes that is missed least for the
public money it draws, as long as that is less than what money must bring. Bound and proof are those
of the question asked; only which plan within the gap is taken changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.marginal import Marginal
from siting.engine.proof import ARITHMETIC
from siting.engine.result import LeftOut, Result
from siting.program.aims import Aim, MostWorth
from siting.program.instance import Ints
from siting.program.objective import ENERGY_UNIT
from siting.program.program import Program


def trimmed(
    program: Program, aim: Aim, result: Result, clock: Clock, *, gap: float, least_gain: float
) -> tuple[Result, LeftOut]:
    """Return a result without the stations that bring too little, and what was left out.

    Nothing is left out of programs over years, of coverage, where public money fills a gap, where
    something else than energy counts, or where the gap asked was not reached.

    Parameters
    ----------
    program, aim
        What was asked.
    result
        The plan found for the aim, and its bound.
    clock
        Deadline and interruption.
    gap
        The relative gap that was asked.
    least_gain
        Energy that a rupee must bring (kWh/day).
    """
    plain = isinstance(aim, MostWorth) and program.worth_unit == ENERGY_UNIT
    plain &= program.capacitated and program.gap is None and program.year_plan is None
    lowest = result.bound / (1 + gap)
    if not plain or least_gain <= 0 or gap <= ARITHMETIC or result.value < lowest:
        return result, LeftOut()
    frame = Frame(program, aim)
    floors = any(floor.share > 0 for floor in program.floors)

    def allowed(choice: Ints) -> bool:
        return frame.fits(choice) and (not floors or frame.serve(choice, clock).found)

    offers = program.instance.offer_ids[program.options.last[result.choice]]
    plan = Marginal(program, offers.tolist())
    kept, worth = plan.without_the_least(least_gain, lowest, allowed, clock)
    gone = np.setdiff1d(result.choice, kept)
    if not len(gone):
        return result, LeftOut()
    last = program.options.last[gone]
    out = LeftOut(
        tuple(map(str, program.instance.offer_ids[last])),
        float(program.instance.offer_subsidy[last].sum()),
        result.value - worth,
    )
    return replace(result, choice=kept, value=worth), out
