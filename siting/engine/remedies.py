"""Remedies for a conflict: changes to requirements, and the text that describes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from siting import settings
from siting.engine.elastic import COST_SHARE, PKR, SHARE, Requirement
from siting.errors import SHOWN_IDS, Fault
from siting.program.instance import Flags, Names
from siting.texts import counted


@dataclass(frozen=True, eq=False)
class Mend:
    """Changes that together resolve the conflict."""

    excess: dict[int, float]  # amount by which each requirement is relaxed, by its position
    figures: dict[int, float]  # new figures, verified by a plan; empty if none was found in time
    standing: Flags  # whether each site has a station in that plan
    at_least: float  # if only one requirement changes: proven lower bound on its excess


@dataclass(frozen=True)
class Line:
    """A requirement in the conflict; `bound`: ``have`` or ``need`` if this is only a bound."""

    one: Requirement
    have: float
    need: float
    fix: str
    alone: bool = False
    bound: str = ""

    @classmethod
    def of(cls, one: Requirement, excess: float, fix: str, *, alone: bool = False) -> Line:
        """Return the `Line` of a requirement that is missed by `excess`."""
        figure = one.figure(excess)
        have, need = (figure, one.asked) if one.least else (one.asked, figure)
        return cls(one, have, need, fix, alone)

    @property
    def fault(self) -> Fault:
        """The line as a `Fault`."""
        unit = self.one.unit
        if self.have == self.need:
            return Fault(self.one.name, f"set to {_said(self.need, unit)}", self.fix)
        least = "at most " if self.bound == "have" else ""
        most = " or more" if self.bound == "need" else ""
        of = {SHARE: " of the demand", COST_SHARE: " of the cost"}.get(unit, "")
        what = f"have {least}{_said(self.have, unit)}, need {_said(self.need, unit)}{most}{of}"
        return Fault(self.one.name, what, self.fix)


def rounded(one: Requirement, excess: float, *, whole: bool = False) -> float:
    """Return the figure that permits an excess, rounded towards permitting more."""
    value = one.figure(excess)
    if one.unit in (SHARE, COST_SHARE):
        step = settings.MINOR_SHARE
    elif one.unit == PKR or (whole and one.asked % 1 == 0):
        step = 1.0
    else:
        return float(round(value)) if abs(value - round(value)) < settings.SIGNIFICANT else value
    if one.least:
        return math.floor(value / step + settings.SIGNIFICANT) * step
    most = 1.0 if one.unit == COST_SHARE else math.inf
    return min(math.ceil(value / step - settings.SIGNIFICANT) * step, most)


def mended(k: int, one: Requirement, mend: Mend, required: Flags, sites: Names) -> Line:
    """Return the `Line` of a requirement whose change, alone or with others, is known."""
    excess, figure = mend.excess[k], mend.figures[k]
    value = _written(figure, one.unit)
    fix = f"lower it to at most {value}" if one.least else f"raise it to {value}"
    if one.block == "required":
        out = sites[required & ~mend.standing].tolist()
        some = ", ".join(out[:SHOWN_IDS]) + (", …" if len(out) > SHOWN_IDS else "")
        fix = f"require {counted(len(out), 'site')} fewer, e.g. without {some}"
    elif one.least and figure <= 0:
        fix = "leave it out"
    if len(mend.figures) > 1:
        return Line.of(one, excess, f"{fix}, together with the other changes")
    if mend.at_least < excess - settings.SIGNIFICANT * max(abs(one.asked), excess):
        least = _written(rounded(one, mend.at_least), one.unit)
        fix += f" ({least} may suffice)"
    return Line.of(one, excess, fix, alone=True)


def bounded(one: Requirement, at_least: float) -> Line:
    """Return the `Line` of a requirement if only a bound on its change is known."""
    if at_least <= 0:
        fix = "change it, perhaps together with others (not known, because time ran out)"
        return Line.of(one, 0.0, fix)
    figure = _written(rounded(one, at_least), one.unit)
    fix, bound = ("lower it to at most", "have") if one.least else ("raise it to at least", "need")
    fix += f" {figure} (only a bound, because no plan was found in time)"
    return replace(Line.of(one, at_least, fix), bound=bound)


def _written(value: float, unit: str) -> str:
    """Format a number as in a configuration file: a share as a decimal, not as a percentage."""
    if unit in (SHARE, COST_SHARE):
        return f"{value:.4f}"
    return f"PKR {value:,.0f}" if unit == PKR else _amount(value, unit)


def _said(value: float, unit: str) -> str:
    if unit in (SHARE, COST_SHARE):
        return f"{100 * value:.4g} %"
    return f"PKR {value:,.10g}" if unit == PKR else _amount(value, unit)


def _amount(value: float, unit: str) -> str:
    """Return a value with its unit, in the singular for 1.

    >>> _amount(1.0, "sites"), _amount(2.5, "kW")
    ('1 site', '2.5 kW')
    """
    if unit.endswith("s"):
        return counted(float(f"{value:.10g}"), unit[:-1])
    return f"{value:,.10g} {unit}"
