"""The numeric range of a program: which values are too small compared with the largest.

Energy is divided by the largest demand of a row; all figures below are shares of that demand. A
solver drops coefficients below 1e-9 and allows rows an error of 1e-7. Demand rows below 2e-9 are
therefore set to 0. Two kinds of input raise an error, because the plan would be wrong: rows below
1e-7 with noticeable worth (many people with almost no demand), and floors on groups whose demand is
below 1e-6.
"""

from __future__ import annotations

from siting import settings
from siting.errors import Fault, naming, refuse
from siting.program.floors import Floor
from siting.program.instance import Flags, Floats


def check_ranges(
    demand_kwh: Floats, per_kwh: Floats, reached: Flags, largest_kwh: float,
    floors: tuple[Floor, ...], unit: str,
) -> None:  # fmt: skip
    """Raise `InputError` if values that are too small for a solver affect worth or floors."""
    faults = []
    least_kwh = settings.ARITHMETIC * largest_kwh
    faint = (demand_kwh > 0) & (demand_kwh < least_kwh) & reached[:, None]
    worth = demand_kwh * per_kwh * reached[:, None]
    small_worth = float((worth * faint).sum() / (worth.sum() or 1.0))
    if small_worth > settings.FAINT_SHARE:
        what = (
            f"rows from {demand_kwh[faint].min():.2g} to {largest_kwh:.2g} kWh/day are too far "
            f"apart to be solved together, and {small_worth:.1%} of the {unit} are "
            "in the smallest rows"
        )
        fix = f"give each row {least_kwh:.2g} kWh/day or more, or no demand"
        faults.append(Fault("demand", what, fix))
    little = []
    for floor in floors:
        wanted = floor.wanted(demand_kwh)
        if ((wanted > 0) & (wanted < 10 * least_kwh)).any():
            little.append(f"{floor.name}: {wanted[wanted > 0].min():.2g} kWh/day")
    what = f"have almost no demand compared with a row of {largest_kwh:.2g} kWh/day"
    refuse(faults + naming("floors", what, little, "leave them out"))
