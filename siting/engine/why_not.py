"""Conflicts: requirements that no plan meets together, and the smallest changes that resolve them.

1. If the elastic relaxation proves the conflict, only requirements with a nonzero dual price are
   tested. These requirements conflict with each other, so changing any other requirement cannot
   help.
2. Each requirement is dropped on its own. A large block of requirements is first dropped as a
   whole, and is halved only if dropping it allows a plan. If the other requirements allow a plan,
   the smallest sufficient change to the dropped requirement is computed, and verified by a plan of
   the changed program.
3. Requirements whose change alone does not suffice are dropped permanently, as long as a conflict
   remains. The remaining requirements form one irreducible conflict.
4. If no single change suffices, the smallest changes to several requirements are computed. Each
   change is measured relative to the figure of its requirement.

Source: J. Chinneck: Feasibility and Infeasibility in Optimization, Springer 2008, chapters 6 and 7
(deletion filter, elastic filter, sensitivity filter).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np
import pandas as pd

from siting import settings
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.elastic import Elastic
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent
from siting.engine.linear import Answered
from siting.engine.remedies import Line, Mend, bounded, mended, rounded
from siting.engine.run import search
from siting.errors import Fault, InfeasibleError, SolveError, require_kind
from siting.program.aims import Aim, MostWorth, WorstShare
from siting.program.instance import Flags
from siting.program.program import Program

COLUMNS = ["requirement", "have", "need", "unit", "alone", "fix"]
# Kinds of limits that each require one station; a program may have many limits of these kinds.
DENSITY = {"square": "squares", "stretch": "stretches"}
# A test may take the remaining time divided by this number.
PARTS = len(settings.CONFLICT_STEPS)


def why_not(program: Program, effort: Effort | None = None) -> pd.DataFrame:
    """Return a table of the requirements in conflict; it is empty if there is a plan.

    Parameters
    ----------
    program
        The program.
    effort
        A `siting.engine.effort.Effort`: ``time_limit_s`` (s), ``threads``, ``seed``, and the
        relative ``gap`` of the figures returned.

    Returns
    -------
    DataFrame
        One row per requirement in the conflict: ``requirement``; ``have``, the best figure that the
        other requirements allow, or the amount of a scarce resource; ``need``; ``unit``; ``alone``,
        whether changing it alone is enough; ``fix``, the least change that resolves the conflict,
        verified by a plan. If a figure was not found in time, a bound replaces it and is marked.

    Raises
    ------
    SolveError
        If time runs out before it is known whether there is a plan, or if the program allows more
        upgrades than can be listed.
    """
    effort = effort or Effort()
    require_kind("effort", effort, Effort, "give a siting.engine.effort.Effort")
    require_kind("program", program, Program, "give a siting.Program, such as study.program")
    effort.check()
    refuse_unlisted(program)
    lines = _Diagnosis(program, Clock(effort.time_limit_s), effort).lines()
    rows = [(x.one.name, x.have, x.need, x.one.unit, x.alone, x.fix) for x in lines]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"have": float, "need": float, "alone": bool})


def refuse_unlisted(program: Program) -> None:
    """Raise `SolveError` if upgrades that are not listed as options may allow a plan."""
    if program.lacks_courses:
        what = "no plan was found among the plans with few upgrades"
        fix = "raise the yearly budgets, plan fewer years, or relax the requirements"
        raise SolveError(Fault("program.years", what, fix))


def raise_why_not(program: Program, clock: Clock, effort: Effort) -> NoReturn:
    """Raise `InfeasibleError` with one error for each requirement in the conflict.

    The analysis may take the remaining time of the clock, or 5 s if less remains.
    """
    refuse_unlisted(program)
    left = Clock(max(settings.LEAST_S, clock.left_s))
    lines = _Diagnosis(program, left, effort, known=True).lines()
    if not lines:
        what = "found no plan, though the requirements are compatible"
        raise SolveError(Fault("solver", what, "try another seed"))
    raise InfeasibleError(_faults(program, lines))


def _faults(program: Program, lines: Sequence[Line]) -> list[Fault]:
    """Return one fault per line; all squares share one fault, and so do all stretches of road."""
    limits = program.instance.limits
    count = Counter(limit.kind for limit in limits)
    least = [line for line in lines if line.one.block == "limit" and line.one.least]
    # If there is only one limit of a kind, this limit keeps its own fault.
    alike = {
        kind: [line for line in least if limits[line.one.place].kind == kind and count[kind] > 1]
        for kind in DENSITY
    }
    many = [id(line) for mine in alike.values() for line in mine]
    out = [line.fault for line in lines if id(line) not in many]
    money = any(line.one.block in ("budget", "year") for line in lines)
    for kind, things in DENSITY.items():
        if mine := alike[kind]:
            whole = f"{count[kind]:,} {things}"
            rest = "the budget does" if money else "the other requirements do"
            what = f"is required in {whole}, but {rest} not allow all of them"
            fix = f"change the other requirements, or require fewer of these {things}"
            names = tuple(limits[line.one.place].name for line in mine)
            out.append(Fault(f"a station in every {kind}", what, fix, names))
    return out


def is_hopeless(program: Program) -> bool:
    """Return whether a floor exceeds the demand in reach, or required stations exceed a limit."""
    service, demand = program.service(), program.demand_kwh
    for n, floor in enumerate(program.floors):
        wanted = floor.wanted(demand)
        reached = service.kwh[service.floor[n]].sum(axis=0)
        for s in floor.holds_in(program.slices):
            if reached[s] < (floor.share - settings.EXACT) * wanted[s]:
                return True
    counts = program.budgeted and program.year_plan is None
    faults = program.instance.contradictions()
    return any(counts or fault.where != "budget_pkr" for fault in faults)


class _Diagnosis:
    """The requirements of one program, and the tests run on them."""

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
        """Return the lines of the requirements in the conflict."""
        answer = self.elastic.ask((), self.all, self.limited(2), whole=False)
        suspects, joint = self.all, None
        if answer.optimal and answer.objective < -settings.ARITHMETIC:
            suspects = sorted(self.elastic.priced(answer)) or self.all
            if not self.small:  # changes to several requirements, in case time runs out
                given = self.given(answer, self.all)
                joint = self.stepped(given, 0.0)
        elif not self.known:
            sure, _ = self.planned(self.program)
            if sure is None:
                what = "no plan was found, and no conflict was proven"
                raise SolveError(Fault("time limit", what, "raise the time limit"))
            if sure:
                return []
        with self.clock.phase("alone", settings.ROOT_SHARE):
            for group in self.groups(suspects, {} if joint is None else joint.figures):
                self.try_alone(group)
        if joint is not None and len(joint.figures) == 1:
            (k,) = joint.figures
            mend = self.mends.get(k)
            self.mends[k] = mend if mend is not None and mend.figures else joint
        found_alone = {k: m for k, m in self.mends.items() if m is not None and m.figures}
        if any(m.excess[k] == 0 for k, m in found_alone.items()):
            return []  # a plan meets every figure: there is no conflict
        with self.clock.phase("filter", settings.MAIN_SHARE):
            kept = self.irreducible(suspects, found_alone)
        if not found_alone and (joint is None or not joint.figures):
            joint = self.mend((), self.all)
        return self.told(kept, found_alone, None if found_alone else joint)

    def told(self, kept: Sequence[int], alone: Collection[int], joint: Mend | None) -> list[Line]:
        """Return the lines of the conflict, for requirements with and without a remedy."""
        changed = {} if joint is None else joint.figures
        otherwise = (
            "keep it, and change the others" if changed else "change several requirements together"
        )
        otherwise = "changing it alone is not enough" if alone else otherwise
        sites, lines = self.program.instance.site_ids, []
        for k in sorted({*alone, *changed, *kept[: 2 * settings.LISTED]}):
            one, mend = self.asked[k], joint if k in changed else self.mends.get(k)
            if mend is None:
                lines.append(Line.of(one, 0.0, otherwise))
            elif mend.figures:
                lines.append(mended(k, one, mend, self.elastic.required, sites))
            else:
                lines.append(bounded(one, mend.at_least))
        return lines

    def limited(self, parts: float) -> Clock:
        """Return a clock with a share of the remaining time."""
        return self.clock.limited(max(self.clock.left_s / parts, 0.1))

    def clash(self, held: Collection[int]) -> bool:
        """Return whether the given requirements are proven to be incompatible."""
        return self.elastic.ask(held, (), self.limited(PARTS), whole=self.small).infeasible

    def planned(self, program: Program) -> tuple[bool | None, Flags]:
        """Return whether there is a plan (None: time ran out), and which sites have stations."""
        run = self.run(program, MostWorth(), settings.ENDLESS, PARTS)
        if run.choice is None:
            return (False if run.infeasible else None), self.nowhere
        return True, run.frame.by_site(run.choice) >= 0

    def run(self, program: Program, aim: Aim, gap: float, parts: float) -> Incumbent:
        effort, clock = replace(self.effort, gap=gap, method="exact"), self.limited(parts)
        incumbent = Incumbent(Frame(program, aim), clock, effort)
        search(incumbent)
        return incumbent

    def groups(self, suspects: Sequence[int], first: Collection[int]) -> list[list[int]]:
        """Return the groups to test: single requirements, then large blocks as one group each."""
        blocks: dict[str, list[int]] = {}
        for k in suspects:
            blocks.setdefault(self.asked[k].block, []).append(k)
        groups: list[list[int]] = []
        for members in blocks.values():
            groups += [members] if len(members) > PARTS else [[k] for k in members]
        return sorted(groups, key=lambda members: (not set(members) & set(first), len(members)))

    def try_alone(self, group: list[int]) -> None:
        """Find the members of a group whose change alone resolves the conflict."""
        if len(group) == 1 or self.clock.over:
            for k in group:
                untried = len(self.all) - len(self.mends)
                others = [other for other in self.all if other != k]
                self.mends[k] = self.mend(others, [k], min(untried, PARTS))
        elif self.clash([k for k in self.all if k not in group]):
            self.mends.update(dict.fromkeys(group))
        else:
            half = len(group) // 2
            self.try_alone(group[:half])
            self.try_alone(group[half:])

    def mend(self, held: Collection[int], aimed: list[int], parts: float = 1) -> Mend | None:
        """Return the smallest changes to `aimed` that allow a plan which meets `held`, or None."""
        first = aimed[0]
        short = self.asked[first].short if len(aimed) == 1 else 0.0
        if self.clock.over:
            return Mend({}, {}, self.nowhere, short)
        if not self.small and len(aimed) == 1 and self.asked[first].block == "floor":
            return self.most_served(first, parts)
        # Among required sites, it matters which ones are dropped, not how many.
        whole = self.small or self.asked[first].block == "required"
        answer = self.elastic.ask(held, aimed, self.limited(parts), whole=whole)
        if answer.infeasible:
            return None
        bound = -answer.bound * float(self.elastic.unit[first])
        least = max(short, bound) if len(aimed) == 1 else 0.0
        least = least if math.isfinite(least) else short
        if whole and not answer.found:
            return Mend({}, {}, self.nowhere, least)
        given = self.given(answer, aimed)
        if whole:
            least = given.get(first, least) if answer.optimal else least
            return Mend(given, *self.verified(answer, given), least)
        return self.stepped(given, least)

    def given(self, answer: Answered, aimed: Sequence[int]) -> dict[int, float]:
        """Return the excesses of `aimed` that are above 0; if there are none, 0 for `aimed[0]`."""
        none = {aimed[0]: 0.0}
        if not answer.found:
            return none
        excess, unit = self.elastic.excess(answer), self.elastic.unit
        least = settings.ARITHMETIC * unit
        return {k: float(excess[k]) for k in aimed if excess[k] > least[k]} or none

    def most_served(self, k: int, parts: float) -> Mend | None:
        """Return the change that lowers a floor to the largest share that can be served."""
        one, floors = self.asked[k], list(self.program.floors)
        aim = WorstShare((replace(floors.pop(one.place), share=0.0),))
        changed = replace(self.program, floors=tuple(floors), aims=(aim,))
        run = self.run(changed, aim, max(self.effort.gap, settings.MINOR_SHARE), parts)
        if run.infeasible:
            return None
        least = max(one.short, one.asked - run.bound)
        if run.choice is None:
            return Mend({}, {}, self.nowhere, least)
        excess = max(one.asked - run.best, 0.0)
        return Mend({k: excess}, {k: rounded(one, excess)}, self.nowhere, least)

    def stepped(self, given: dict[int, float], least: float) -> Mend:
        """Return the smallest tested changes above those of a relaxation that allow a plan."""
        best = Mend(given, {}, self.nowhere, least)
        for step in settings.CONFLICT_STEPS:
            changed, figures = self.program, {}
            for k, excess in given.items():
                one = self.asked[k]
                small = settings.ARITHMETIC * float(self.elastic.unit[k])
                more = step * max(one.figure(excess), small)
                figures[k] = rounded(one, excess + more, whole=True)
                changed = one.changed(changed, figures[k], self.nowhere)
            ok, standing = self.planned(changed)
            excess_of = {k: abs(self.asked[k].asked - v) for k, v in figures.items()}
            if ok is False and len(given) == 1:
                return replace(best, at_least=max(least, *excess_of.values()))
            if not ok:
                break
            for k in given:  # count the required sites without a station in the plan
                if self.asked[k].block == "required":
                    excess_of[k] = float((self.elastic.required & ~standing).sum())
            changes = {k: figures[k] for k, e in excess_of.items() if e > 0}
            best = Mend(excess_of, changes, standing, least)
        return best

    def irreducible(self, suspects: Sequence[int], alone: Collection[int]) -> list[int]:
        """Return an irreducible conflict, which contains every requirement in `alone`."""
        kept = list(suspects)

        def drop(group: list[int]) -> None:
            nonlocal kept
            rest = [k for k in kept if k not in group]
            if not group or not rest or self.clock.over:
                return
            if self.clash(rest):
                kept = rest
            elif len(group) > 1:
                half = len(group) // 2
                drop(group[:half])
                drop(group[half:])

        # Floors (minimum service) are dropped last, so that messages name them.
        drop([k for k in reversed(kept) if k not in alone])
        return list(alone) if alone and self.clock.over else kept

    def verified(
        self, answer: Answered, excess: dict[int, float]
    ) -> tuple[dict[int, float], Flags]:
        """Return changed figures that a solution meets, and which sites have its stations."""
        options = self.elastic.options
        taken = options.offer[np.flatnonzero(answer.point[: len(options)] > 0.5)]
        standing = self.nowhere.copy()
        standing[self.program.instance.offer_site[taken[:, -1]]] = True
        for more in (0.0, settings.SIGNIFICANT, settings.MINOR_SHARE):
            changed, figures = self.program, {}
            for k, e in excess.items():
                one = self.asked[k]
                figures[k] = rounded(one, e + more * float(self.elastic.unit[k]))
                changed = one.changed(changed, figures[k], standing)
            frame = Frame(changed, MostWorth())
            choice = frame.options.find(taken)
            choice = np.sort(choice[choice >= 0])
            if frame.fits(choice) and frame.serve(choice, Clock(settings.LEAST_S)).found:
                return figures, standing
        return {}, standing
