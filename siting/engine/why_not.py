"""Why not: which requirements cannot hold together, and the least changes after which they can.

1. Of all requirements only those with a price in the elastic relaxation are looked at, where that
   proves the conflict already: they are in conflict by themselves, so no other change can mend it.
2. Each is let go alone while all others hold (limits in groups that are halved); if there is a plan
   then, the least change that will do is solved for, and verified: the plan fits the program asked
   with that change.
3. The others are let go one after the other for good, as long as a conflict is left. What remains
   is one set of requirements of which none is idle.
4. Where no single change does, the smallest changes of several are solved for, each counted as a
   share of what is asked.

Source: J. Chinneck: Feasibility and Infeasibility in Optimization, Springer 2008, chapters 6 and 7
(deletion filter, elastic filter, sensitivity filter).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.elastic import COST_SHARE, GAP, Elastic
from siting.engine.frame import Frame
from siting.engine.linear import Answered
from siting.engine.mends import Line, Mend, bounded, mended, rounded
from siting.engine.run import Options, Run
from siting.errors import Fault, InfeasibleError, SolveError
from siting.program.aims import Aim, MostWorth, WorstShare
from siting.program.instance import Flags
from siting.program.obligations import find_contradictions
from siting.program.program import Program

COLUMNS = ["requirement", "have", "need", "unit", "alone", "fix"]
LEAST_S = 5.0
# Shares of the time by which the second step and the third end; a question gets such a part of the
# time left at most.
ALONE_ENDS, FILTER_ENDS = 0.6, 0.75
PARTS = 4
# Large programs: figures tried until there is a plan, as far beyond what the relaxation allows (as
# a share of it); and a gap with which the engine's first plan will do.
STEPS = (0.005, 0.02, 0.08, 0.3)
ANY_GAP = 1e12
# Requirements that no change is known of are shown up to so many.
SHOWN = 12
# Excesses below this, beside what is asked, are arithmetic.
NONE = 1e-7


def why_not(program: Program, effort: Effort | None = None) -> pd.DataFrame:
    """Return what stands in the way of a plan; no row if there is one.

    Parameters
    ----------
    program
        What is asked.
    effort
        Time limit, threads, seed, and gap of the figures.

    Returns
    -------
    DataFrame
        One row a requirement in the conflict: ``requirement``; ``have``, the best there can be
        while the others hold, or what there is of something scarce; ``need``; ``unit``; ``alone``,
        whether changing it alone is enough; ``fix``, the least change that does, in words, verified
        by a plan. A figure not found in time is replaced by a bound, which is then said.

    Raises
    ------
    SolveError
        If it was not known in time whether there is a plan.
    """
    effort = effort or Effort()
    effort.check()
    lines = _Diagnosis(program, Clock(effort.time_limit_s), effort).lines()
    rows = [(x.one.name, x.have, x.need, x.one.unit, x.alone, x.fix) for x in lines]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"have": float, "need": float, "alone": bool})


def raise_why_not(program: Program, clock: Clock, effort: Effort) -> NoReturn:
    """Raise `InfeasibleError` with one fault for each requirement in the conflict.

    Parameters
    ----------
    program
        A program without a plan.
    clock
        Its time left is taken at most, but 5 s in any case.
    effort
        Gap, threads and seed.
    """
    left = Clock(max(LEAST_S, clock.left_s))
    lines = _Diagnosis(program, left, effort, known=True).lines()
    if not lines:
        what = "said that there is no plan, though what is asked can hold together"
        raise SolveError(Fault("solver", what, "try another seed"))
    raise InfeasibleError(line.fault for line in lines)


def is_hopeless(program: Program) -> bool:
    """Return whether a floor is above what is in reach, or one row is broken by what must be."""
    service, demand = program.service(), program.demand_kwh
    for n, floor in enumerate(program.floors):
        wanted = floor.wanted(demand)
        reached = service.kwh[service.floor[n]].sum(axis=0)
        for s in floor.holds_in(program.slices):
            if reached[s] < (floor.share - 1e-9) * wanted[s]:
                return True
    counts = program.budgeted and program.year_plan is None
    faults = find_contradictions(program.instance)
    return any(counts or fault.where != "budget_pkr" for fault in faults)


class _Diagnosis:
    """The requirements of one program, and what is tried with them."""

    def __init__(
        self, program: Program, clock: Clock, effort: Effort, *, known: bool = False
    ) -> None:
        self.program, self.clock, self.effort, self.known = program, clock, effort, known
        self.elastic = Elastic(program, effort)
        self.asked, self.small = self.elastic.requirements, self.elastic.small
        self.all = list(range(len(self.asked)))
        self.nowhere = np.zeros(len(program.instance.site_ids), dtype=bool)
        self.mends: dict[int, Mend | None] = {}

    def lines(self) -> list[Line]:
        """Return the requirements in the conflict."""
        found = self.ask((), self.all, whole=False)
        suspects = self.all
        if found.optimal and found.objective < -NONE:
            suspects = sorted(self.elastic.priced(found)) or self.all
        elif not self.known:
            possible = self.possible(self.all)
            if possible is None:
                what = "came before it was known whether there is a plan"
                raise SolveError(Fault("time limit", what, "give it more time"))
            if possible:
                return []
        with self.clock.phase("alone", ALONE_ENDS):
            for group in self.groups(suspects):
                self.try_alone(group)
        alone = [k for k, mend in self.mends.items() if mend is not None and mend.figures]
        if any(mend is not None and mend.excess.get(k) == 0 for k, mend in self.mends.items()):
            return []  # it holds as it is
        with self.clock.phase("filter", FILTER_ENDS):
            kept = self.irreducible(suspects, alone)
        kept = sorted({*alone, *kept[:SHOWN]})
        if alone:
            return [self.line(k, "no change of it alone is enough") for k in kept]
        mend = self.mend((), self.all)
        if mend is None or not mend.figures:
            return [self.line(k, "change several together") for k in kept]
        both = [k for k in self.all if k in mend.figures or k in kept]
        return [
            self.mended(k, mend)
            if k in mend.figures
            else self.line(k, "keep it; change the others")
            for k in both
        ]

    # --- what is tried -----------------------------------------------------------------------

    @contextmanager
    def limited(self, parts: float) -> Iterator[Clock]:
        """Give a clock with a part of the time left."""
        clock = Clock(max(self.clock.left_s / parts, 0.1))
        clock.interrupted = self.clock.interrupted
        yield clock
        self.clock.interrupted = clock.interrupted

    def ask(
        self, held: Collection[int], aimed: Collection[int], *, whole: bool, parts: float = PARTS
    ) -> Answered:
        with self.limited(parts) as clock:
            return self.elastic.ask(held, aimed, clock, whole=whole)

    def possible(self, held: Collection[int]) -> bool | None:
        """Return whether some requirements can hold together; None if not known in time."""
        found = self.ask(held, (), whole=self.small)
        if found.infeasible:
            return False
        if self.small:
            return found.found or None
        changed = self.program
        for k in self.all:
            if k not in held:
                one = self.asked[k]
                far = 0.0 if one.least else 1.0 if one.unit == COST_SHARE else math.inf
                changed = one.changed(changed, far, self.nowhere)
        return self.planned(changed, PARTS)[0]

    def planned(self, program: Program, parts: float) -> tuple[bool | None, Flags]:
        """Return whether the engine finds a plan (None: not known in time), and where it builds."""
        run = self.run(program, MostWorth(), ANY_GAP, parts)
        standing = self.nowhere.copy()
        if run.choice is None:
            return (False if run.infeasible else None), standing
        standing[run.frame.site[run.choice]] = True
        return True, standing

    def run(self, program: Program, aim: Aim, gap: float, parts: float) -> Run:
        options = Options(gap, self.effort.threads, self.effort.seed)
        with self.limited(parts) as clock:
            run = Run(Frame(program, aim), clock, options, None)
            run.work()
        return run

    def groups(self, suspects: Sequence[int]) -> list[list[int]]:
        """Return what is tried together: each by itself, but limits by their unit."""
        out: dict[object, list[int]] = {}
        for k in suspects:
            one = self.asked[k]
            out.setdefault(one.unit if one.block == "limit" else k, []).append(k)
        return list(out.values())

    def try_alone(self, group: list[int]) -> None:
        """Find the members of a group that mend it alone; none does where all together do not."""
        if len(group) == 1 or self.clock.over:
            for k in group:
                untried = len(self.all) - len(self.mends)
                others = [other for other in self.all if other != k]
                self.mends[k] = self.mend(others, [k], min(untried, PARTS))
        elif self.possible([k for k in self.all if k not in group]) is False:
            self.mends.update(dict.fromkeys(group))
        else:
            half = len(group) // 2
            self.try_alone(group[:half])
            self.try_alone(group[half:])

    def mend(self, held: Collection[int], aimed: list[int], parts: float = 1) -> Mend | None:
        """Return the least changes that do while others hold; None if there are none."""
        first = aimed[0]
        short = self.asked[first].short if len(aimed) == 1 else 0.0
        if self.clock.over:
            return Mend({}, {}, self.nowhere, short)
        # How many sites to require is no figure: which ones matters.
        whole = self.small or self.asked[first].block == "required"
        found = self.ask(held, aimed, whole=whole, parts=parts)
        if found.infeasible:
            return None
        unit = self.elastic.unit
        least = max(short, -found.bound * float(unit[first])) if len(aimed) == 1 else 0.0
        least = least if math.isfinite(least) else short
        if not found.found:
            return Mend({}, {}, self.nowhere, least)
        excess = self.elastic.excess(found)
        given = {k: float(excess[k]) for k in aimed if excess[k] > NONE * unit[k]} or {first: 0.0}
        if whole:
            figures, standing = self.verified(found, given)
            return Mend(
                given, figures, standing, given.get(first, least) if found.optimal else least
            )
        if len(aimed) == 1 and self.asked[first].block == "floor":
            mend = self.most_served(first, least, parts)
            if mend.figures:
                return mend
        return self.stepped(given, least, max(parts, len(STEPS)))

    def most_served(self, k: int, least: float, parts: float) -> Mend:
        """Return by how much a floor gives way where serving most of it is what is best."""
        one, floors = self.asked[k], list(self.program.floors)
        aim = WorstShare((replace(floors.pop(one.place), share=0.0),))
        changed = replace(self.program, floors=tuple(floors), aims=(aim,))
        run = self.run(changed, aim, max(self.effort.gap, GAP), parts)
        least = max(least, one.asked - run.bound)
        if run.choice is None:
            return Mend({}, {}, self.nowhere, least)
        excess = max(one.asked - run.best, 0.0)
        return Mend({k: excess}, {k: rounded(one, excess)}, self.nowhere, least)

    def stepped(self, given: dict[int, float], least: float, parts: float) -> Mend:
        """Return the first changes with a plan, in steps from those of the relaxation."""
        for step in STEPS:
            changed, figures = self.program, {}
            for k, excess in given.items():
                one = self.asked[k]
                more = step * max(one.figure(excess), NONE * float(self.elastic.unit[k]))
                figures[k] = rounded(one, excess + more, whole=True)
                changed = one.changed(changed, figures[k], self.nowhere)
            ok, standing = self.planned(changed, parts)
            excess_of = {k: abs(self.asked[k].asked - v) for k, v in figures.items()}
            if ok:
                return Mend(excess_of, figures, standing, least)
            if ok is False and len(given) == 1:
                least = next(iter(excess_of.values()))
        return Mend(given, {}, self.nowhere, least)

    def irreducible(self, suspects: Sequence[int], alone: Collection[int]) -> list[int]:
        """Return requirements in conflict of which none is idle; those that mend it are in all."""
        kept = list(suspects)

        def drop(group: list[int]) -> None:
            nonlocal kept
            rest = [k for k in kept if k not in group]
            if not group or not rest or self.clock.over:
                return
            if self.possible(rest) is False:
                kept = rest
            elif len(group) > 1:
                half = len(group) // 2
                drop(group[:half])
                drop(group[half:])

        # Limits go first, floors last: what people asked for stays in the message.
        drop([k for k in reversed(kept) if k not in alone])
        return sorted(alone) if alone and self.clock.over else kept

    def verified(self, found: Answered, excess: dict[int, float]) -> tuple[dict[int, float], Flags]:
        """Return the figures with which a plan that was found fits, and where it builds.

        Figures are rounded to what people write, and given a hair more where that is not enough.
        """
        options = self.elastic.options
        taken = options.offer[np.flatnonzero(found.point[: len(options)] > 0.5)]
        standing = self.nowhere.copy()
        standing[self.program.instance.offer_site[taken[:, -1]]] = True
        for more in (0.0, 1e-6, 1e-4):
            changed, figures = self.program, {}
            for k, e in excess.items():
                one = self.asked[k]
                figures[k] = rounded(one, e + more * float(self.elastic.unit[k]))
                changed = one.changed(changed, figures[k], standing)
            frame = Frame(changed, MostWorth())
            course = {tuple(row): n for n, row in enumerate(frame.options.offer.tolist())}
            own = [course[tuple(row)] for row in taken.tolist() if tuple(row) in course]
            choice = np.array(sorted(own), dtype=np.int64)
            if frame.fits(choice) and frame.serve(choice, Clock(LEAST_S)).found:
                return figures, standing
        return {}, standing

    def line(self, k: int, otherwise: str) -> Line:
        """Return what is known of a requirement; `otherwise` is said where it is no mend alone."""
        mend = self.mends.get(k)
        if mend is None:
            return Line.of(self.asked[k], 0.0, otherwise)
        return self.mended(k, mend) if mend.figures else bounded(self.asked[k], mend.at_least)

    def mended(self, k: int, mend: Mend) -> Line:
        sites = self.program.instance.site_ids
        return mended(k, self.asked[k], mend, self.elastic.required, sites)
