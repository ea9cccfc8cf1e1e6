"""Removal of stations that gain too little per rupee, while the plan stays within the gap.

A plan may contain stations of little use, built because money was left over. The station whose
removal loses the least value per rupee of public money is removed. This step is repeated as long as
the loss is below the least gain and the plan stays within the gap. The bound of the original
program remains valid.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from siting import settings
from siting.engine.answer import LeftOut, Result
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.marginal import Marginal
from siting.program.aims import Aim
from siting.program.instance import Ints
from siting.program.objective import ENERGY_UNIT
from siting.program.program import Program


def trimmed(
    program: Program, aim: Aim, result: Result, clock: Clock, effort: Effort
) -> tuple[Result, LeftOut]:
    """Remove stations that gain too little; return the result and the stations removed.

    No station is removed if the program has years, counts coverage or pays viability gaps, if the
    aim is not energy, or if the plan is not within the requested gap.
    """
    plain = aim.is_plain_worth and program.worth_unit == ENERGY_UNIT
    plain &= program.capacitated and program.gap is None and program.year_plan is None
    lowest = result.bound / (1 + effort.gap)
    if not plain or effort.gap <= settings.ARITHMETIC or result.value < lowest:
        return result, LeftOut()
    frame = Frame(program, aim)
    floors = any(floor.share > 0 for floor in program.floors)

    def allowed(choice: Ints) -> bool:
        return frame.fits(choice) and (not floors or frame.serve(choice, clock).found)

    offers = program.instance.offer_ids[program.options.last[result.choice]]
    plan = Marginal(program, offers.tolist())
    kept, worth = plan.without_the_least(effort.least_gain, lowest, allowed, clock)
    gone = np.setdiff1d(result.choice, kept)
    if not len(gone):
        return result, LeftOut()
    last = program.options.last[gone]
    money = float(program.instance.offer_subsidy[last].sum())
    out = LeftOut(tuple(map(str, program.instance.offer_ids[last])), money, result.value - worth)
    return replace(result, choice=kept, value=worth), out
