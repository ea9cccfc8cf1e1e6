"""One program from start to answer: aim by aim, each with a plan, a bound and a proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from siting.engine.answer import AimProof, Answer, Method
from siting.engine.clock import Clock, Progress
from siting.engine.cover import served_whole, solve_covered
from siting.engine.drives import goes, solve_drives
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.gather import gathered
from siting.engine.highs import highs_version
from siting.engine.milp import solve_whole
from siting.engine.plans import Known, Options
from siting.engine.pricing import Priced, Pricing, is_many
from siting.engine.proof import ARITHMETIC, Proof
from siting.engine.relocate import moved
from siting.engine.resize import bettered
from siting.engine.result import LeftOut, Result
from siting.engine.run import WHOLE_FIRST, Run
from siting.engine.served import LOSSES, lowered, worked_out
from siting.engine.solvers import HIGHS
from siting.engine.station_bound import Prices, bound_at
from siting.engine.ties import break_ties
from siting.engine.trim import trimmed
from siting.engine.values import less_is_better, unit_of, value_of
from siting.engine.why_not import is_hopeless, raise_why_not
from siting.errors import Fault, InfeasibleError, SolveError
from siting.program.aims import (
    Aim,
    Drives,
    LeastCostToAll,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    ShortestDrives,
)
from siting.program.instance import Ints
from siting.program.matrix import Reached
from siting.program.options import Options as Courses
from siting.program.program import Program

# Of several aims the first gets this share of the time, those after it the same of what is left.
FIRST = 0.75
# Share of the gap asked of an aim that those after it may give up: next to nothing beside what is
# not proven, and much for a plan that is all but as good.
KEPT = 0.2
# Share of what is left of an aim's time in which offers are priced in; how often what may be better
# still comes in after that, at most so many times the options that are in.
PRICING, WIDENED, WIDER = 0.5, 4, 3.0
# So many options come in whatever there is: they are solved in no time.
FEW = 500
# Of a program over years: of what is left, shares for the last year alone, and to decide when.
LAST_YEAR, YEARS = 0.4, 0.3
# Share of what is left for the program of the offers that are priced in.
NARROWED = 0.97
# Share of what is left in which stations move in the end to the best of all offers.
MOVES = 0.1
# Share of the time in which a plan without concessions is found, to begin at.
ALONE = 0.4


def solve(
    program: Program,
    *,
    gap: float = 0.005,
    drives_gap: float = 0.05,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    method: Method = "exact",
    solver: str = HIGHS,
    least_gain: float = 0.0,
    progress: Callable[[Progress], None] | None = None,
    start: Sequence[str] | None = None,
) -> Answer:
    """Return the plan of a program: what to build, whom it serves, and how good that is proven.

    The same program, options and seed give the same plan, as long as the time limit is not what
    ends the solve. Ctrl-C ends it early and returns the best plan so far.

    Parameters
    ----------
    program
        What is asked.
    gap, drives_gap, time_limit_s, threads, seed, method, solver, least_gain
        As `Effort` says.
    progress
        Called now and then with a `Progress`.
    start
        Offers of an earlier plan to begin with, mended where they do not fit here.

    Returns
    -------
    Answer
        Plan, service, money and a proof for each aim.

    Raises
    ------
    InputError
        If an option makes no sense.
    InfeasibleError
        If no plan meets the requirements: those in the conflict, have, need and what mends it.
    SolveError
        If the solver is not installed, or fails, or no plan was found in the time given.
    """
    effort = Effort(gap, time_limit_s, threads, seed, method, solver, drives_gap, least_gain)
    effort.check()
    clock = Clock(time_limit_s, progress)
    with clock.listening():
        if is_hopeless(program):
            raise_why_not(program, clock, effort)
        try:
            return _Solve(program, effort, clock, tuple(start or ())).answer()
        except InfeasibleError:
            raise_why_not(program, clock, effort)


def chosen(
    program: Program,
    kept: Sequence[Reached] = (),
    *,
    time_limit_s: float,
    threads: int = 2,
    seed: int = 1,
    method: Method = "exact",
    start: Sequence[str] = (),
) -> tuple[Program, Result]:
    """Return the choice that is best in a program's first aim, exactly, and a bound on any other.

    Nobody is told who is served by what, which takes longer than the choice where many are asked
    for. With it goes the program whose options it names: with the offers that came in.

    Parameters
    ----------
    program
        What is asked.
    kept
        Values of other aims that the choice must reach.
    time_limit_s, threads, seed, method, start
        As for `solve`.

    Raises
    ------
    InfeasibleError
        If there is no plan; what is in the way is not looked for.
    SolveError
        If no plan was found in the time given.
    """
    effort = Effort(0.0, time_limit_s, threads, seed, method, drives_gap=0.0)
    clock = Clock(time_limit_s)
    with clock.listening():
        mine = _Solve(program, effort, clock, tuple(start), kept)
        result = mine._searched(program.all_aims[0], kept)
    return mine.program, result


class _Solve:
    """The aims of one program, solved one after the other."""

    def __init__(
        self,
        program: Program,
        effort: Effort,
        clock: Clock,
        start: tuple[str, ...],
        before: Sequence[Reached] = (),
    ) -> None:
        self.program, self.effort, self.clock, self.before = program, effort, clock, before
        # The program with all its offers, and which of them `program` has: those priced in.
        self.whole = program
        self.kept: Ints = np.arange(len(program.instance.offer_ids))
        self.choice: Ints | None = None
        if start:
            instance = program.instance
            known = np.flatnonzero(np.isin(instance.offer_ids, np.array(start, dtype=object)))
            _, one_a_site = np.unique(instance.offer_site[known], return_index=True)
            self.choice = self._earliest(known[one_a_site])
            if program.year_plan is not None and not program.resources.within(self.choice):
                rank = {offer: n for n, offer in enumerate(start)}
                own = known[one_a_site].tolist()
                own.sort(key=lambda o: rank[str(instance.offer_ids[o])])
                self.choice = self._as_money_allows(own)
        self.results: list[tuple[Aim, Result, dict[str, float]]] = []
        self.exact_ties = False
        self.left_out = LeftOut()

    def _earliest(self, offers: Ints) -> Ints:
        """Return, for offers that stand in the end, the options that build them first."""
        last = self.program.options.last
        order = np.lexsort((-(self.program.options.offer >= 0).sum(axis=1), last))
        _, first = np.unique(last[order], return_index=True)
        chosen = order[first]
        return np.sort(chosen[np.isin(last[chosen], offers)])

    def _as_money_allows(self, offers: Sequence[int]) -> Ints:
        """Return the options that build offers one after the other, each as soon as money allows.

        What the money of no year allows is left out.
        """
        program, options = self.program, self.program.options
        plan = program.year_plan
        assert plan is not None
        drawn = options.of_offers(program.instance.offer_subsidy)
        # Of each option what it draws that must be within `left`: by year, or up to each year.
        need = drawn if plan.carry_over else np.diff(drawn, axis=1, prepend=0.0)
        left = plan.limit_pkr.copy()
        begin = (options.offer >= 0).argmax(axis=1)
        chosen = []
        for offer in offers:
            own = np.flatnonzero(options.last == offer)
            for option in own[np.argsort(begin[own], kind="stable")].tolist():
                if (need[option] <= left + 1e-6).all():
                    left -= need[option]
                    chosen.append(option)
                    break
        return np.sort(np.array(chosen, dtype=np.int64))

    def answer(self) -> Answer:
        """Solve the aims and return what came out."""
        reached = list(self.before)
        aims = list(self.program.all_aims)
        if self.choice is None:
            self._begin_alone()
        for n, aim in enumerate(aims):
            left = len(aims) - n - 1
            share = 1.0 if not left else self.clock.share + FIRST * (1 - self.clock.share)
            before = dict(self.clock.seconds)
            began = self.clock.elapsed_s
            with self.clock.phase("aim", min(share, 1.0)):
                aim = self._prepared(aim)
                aims[n] = aim
                self.clock.hear(math.nan, math.inf)
                self.clock.unit = unit_of(self.program, aim)
                result = self._covered(aim, reached)
                if result is None:
                    result = self._searched(aim, reached)
                if not reached and self.effort.least_gain > 0:
                    result, self.left_out = trimmed(
                        self.program, aim, result, self.clock,
                        gap=self.effort.gap, least_gain=self.effort.least_gain,
                    )  # fmt: skip
            self.clock.seconds.pop("aim")
            seconds = {
                k: v - before.get(k, 0.0)
                for k, v in self.clock.seconds.items()
                if v > before.get(k, 0.0)
            }
            seconds["total"] = self.clock.elapsed_s - began
            self.clock.report(at_once=True)
            self.results.append((aim, result, seconds))
            self.choice = result.choice
            reached.append(self._kept(aim, result) if left else Reached(aim, result.value))
            if left and isinstance(aims[n + 1], ShortestDrives):
                reached += self._money(reached)
        self._break_ties(reached)
        return self._put_together(reached)

    def _begin_alone(self) -> None:
        """Begin at a plan whose stations live each for itself: it is one with concessions too."""
        gap, large = self.whole.gap, len(self.whole.service().site) > WHOLE_FIRST
        if gap is None or not gap.concessions or not large or self.effort.method == "greedy":
            return
        alone = replace(self.whole, gap=replace(gap, concessions={}))
        mine = _Solve(alone, self.effort, self.clock, ())
        try:
            with self.clock.phase("start", self.clock.share + ALONE * (1 - self.clock.share)):
                aim = mine._prepared(alone.all_aims[0])
                result = mine._searched(aim, ())
        except (InfeasibleError, SolveError):
            return  # only together do they meet what is asked
        offers = mine.whole.options.last[mine._in_whole(result.choice)]
        self.choice = self._earliest(np.sort(offers))

    def _searched(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the result of one aim; of the cost to all once stations have moved to the best."""
        if self.effort.method == "milp" or not isinstance(aim, LeastCostToAll):
            return self._found(aim, reached)
        with self.clock.within(self.clock.share + (1 - MOVES) * (1 - self.clock.share)):
            result = self._found(aim, reached)
        return self._moved(aim, reached, result)

    def _found(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the result of one aim, of many offers over those that are priced in."""
        if self.effort.method == "milp" or not is_many(self.whole):
            return self._solved(self._framed(aim, reached))
        if self.whole.year_plan is not None and self.choice is None and not reached:
            self._schedule(aim)
        return self._narrowed(aim, reached)

    def _moved(self, aim: Aim, reached: Sequence[Reached], result: Result) -> Result:
        """Return a result whose stations have moved and changed to the best of all offers."""
        self.choice = result.choice
        frame, before = self._frame(aim, reached, self.whole)
        if self.clock.over or not math.isfinite(before):
            return result
        better = bettered(frame, self._in_whole(result.choice), self.clock)
        better = moved(frame, better, self.clock)
        served = frame.serve(better, self.clock)
        value = frame.signed(served.objective) if served.found else -math.inf
        if not value > before + ARITHMETIC * abs(before):
            return result
        if self.program is not self.whole:
            self._narrow(np.union1d(self.kept, _offers_of(self.whole.options, better)))
            better = self._from_whole(better)
        self.choice = better
        return replace(result, choice=better, value=frame.sign * value)

    def _narrowed(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the result of one aim over the offers that are priced in, and its bound on all."""
        with self.clock.phase("pricing", self.clock.share + PRICING * (1 - self.clock.share)):
            priced, led_to = self._priced(aim, reached)
        if priced is not None and priced.infeasible:
            raise InfeasibleError(Fault("program", "no plan meets all that is asked"))
        gap, options = self._gap_of(aim), self.whole.options
        for _ in range(WIDENED + 1):
            frame = self._framed(aim, reached)
            known = None
            if priced is not None:
                taken = priced.taken[self._in_whole(np.arange(frame.count))]
                known = Known(priced.bound, taken, tuple(map(self._from_whole, led_to)))
            # What is left then is for the bound on all offers.
            with self.clock.within(self.clock.share_after(NARROWED)):
                result = self._solved(frame, known)
            if priced is None:
                return replace(result, bound=frame.sign * math.inf)
            value, bound = frame.sign * result.value, frame.sign * result.bound
            there = np.zeros(len(options), dtype=bool)
            there[self._there()] = True
            if result.prices is not None:
                priced = self._priced_again(priced, aim, reached, result.prices)
            beyond = float(priced.at_most[~there].max(initial=-math.inf))
            bound = min(priced.bound, max(bound, beyond))
            if bound - value <= ARITHMETIC * abs(value):  # by no more than prices are exact
                bound = value
            result = replace(result, bound=frame.sign * max(bound, value))
            enough = value + max(gap, ARITHMETIC) * abs(value)
            # What could still be better than the gap allows comes in, where that can be solved.
            new = ~there & (priced.at_most > enough)
            late = self.clock.over or result.stopped == "time limit"
            if bound <= enough or late or new.sum() > max(WIDER * there.sum(), FEW):
                break
            self.choice = result.choice
            self._narrow(np.union1d(self.kept, _offers_of(options, np.flatnonzero(new))))
        return result

    def _priced_again(
        self, priced: Priced, aim: Aim, reached: Sequence[Reached], prices: Prices
    ) -> Priced:
        """Return the bounds of all offers, bettered by those at the prices of the cuts."""
        frame = Frame(self.whole, aim, [lowered(one, LOSSES[-1]) for one in reached])
        return priced.or_less(*bound_at(frame, prices, self.clock))

    def _priced(self, aim: Aim, reached: Sequence[Reached]) -> tuple[Priced | None, list[Ints]]:
        """Price offers in for an aim, beside those that are in; None where time ran out.

        With it goes what the relaxation leads to: options of the program with all its offers.
        """
        frame = Frame(self.whole, aim, [lowered(one, LOSSES[-1]) for one in reached])
        start = np.zeros(0, dtype=np.int64) if self.choice is None else self._in_whole(self.choice)
        if self.choice is not None and isinstance(aim, LeastCostToAll):
            start = bettered(frame, start, self.clock)
        first = start if self.program is self.whole else np.union1d(start, self._there())
        served = frame.serve(np.sort(start), self.clock) if len(start) else None
        point = served.point if served is not None and served.found else None
        pricing = Pricing(frame, self.clock, start=first, seed=self.effort.seed, served=point)
        priced = pricing.run(self._gap_of(aim))
        led_to: list[Ints] = []
        if priced is not None and not priced.infeasible and self.choice is None:
            led_to = self._led_to(pricing, priced, self._gap_of(aim))
        active = np.flatnonzero(pricing.active if priced is None else priced.active)
        active = np.concatenate([active, start, *led_to])
        kept = _offers_of(self.whole.options, active)
        self._narrow(kept if self.program is self.whole else np.union1d(self.kept, kept))
        if self.choice is not None:
            self.choice = self._from_whole(start)
        return priced, led_to

    def _led_to(self, pricing: Pricing, priced: Priced, gap: float) -> list[Ints]:
        """Return the choices that a relaxation leads to, with public money and without."""
        paid = (True, False) if pricing.frame.program.gap is not None else (True,)
        found = (gathered(pricing, priced, gap, paid=one) for one in paid)
        return [one for one in found if one is not None]

    def _schedule(self, aim: Aim) -> None:
        """Begin a plan over years with what the last year alone leads to, and decide when.

        With all money granted by then, the last year has the stations of a good plan; over their
        offers alone the program of all years is small.
        """
        gap, clock = self._gap_of(aim), self.clock
        last = self.whole.only_last_year()
        with clock.phase("last year", clock.share + LAST_YEAR * (1 - clock.share)):
            none = np.zeros(0, dtype=np.int64)
            pricing = Pricing(Frame(last, aim), clock, start=none, seed=self.effort.seed)
            priced = pricing.run(gap)
            led_to = []
            if priced is not None and not priced.infeasible:
                led_to = self._led_to(pricing, priced, gap)
        if not led_to:
            return
        instance = self.whole.instance
        offers = [last.options.last[choice] for choice in led_to]
        self.kept = np.unique(np.concatenate([*offers, np.flatnonzero(instance.offer_existing)]))
        self.program = replace(self.whole, instance=instance.with_offers(self.kept))
        in_time = clock.phase("years", clock.share + YEARS * (1 - clock.share))
        with in_time, suppress(InfeasibleError):
            self.choice = self._solved(Frame(self.program, aim)).choice

    def _there(self) -> Ints:
        """Return the options of the program with all its offers whose offers are in."""
        known = np.zeros(len(self.whole.instance.offer_ids) + 1, dtype=bool)
        known[self.kept] = known[-1] = True
        return np.flatnonzero(known[self.whole.options.offer].all(axis=1))

    def _in_whole(self, choice: Ints) -> Ints:
        """Return a choice as options of the program with all its offers."""
        offer = self.program.options.offer[choice]
        return self.whole.options.find(np.where(offer >= 0, self.kept[offer], -1))

    def _from_whole(self, choice: Ints) -> Ints:
        """Return a choice of the program with all its offers as one of those that are in."""
        place = np.full(len(self.whole.instance.offer_ids) + 1, -1, dtype=np.int64)
        place[self.kept] = np.arange(len(self.kept))
        return np.sort(self.program.options.find(place[self.whole.options.offer[choice]]))

    def _narrow(self, kept: Ints) -> None:
        """Look at some offers alone; the choice so far is among them."""
        choice = None if self.choice is None else self._in_whole(self.choice)
        self.kept = kept
        self.program = replace(self.whole, instance=self.whole.instance.with_offers(kept))
        if choice is not None:
            self.choice = self._from_whole(choice)

    def _framed(self, aim: Aim, reached: Sequence[Reached]) -> Frame:
        return self._frame(aim, reached)[0] if reached else Frame(self.program, aim)

    def _frame(
        self, aim: Aim, reached: Sequence[Reached], program: Program | None = None
    ) -> tuple[Frame, float]:
        """Return the program of an aim, and what the plan at hand is worth there.

        `program`: the one with all offers, or else that of the offers that are priced in.

        What a solver reaches by its tolerances, row by row, cannot always be reached again: as
        little is given up as makes that plan one of this program. The worth is signed so that more
        is better; without a plan before, or where it is none, it is -inf.
        """
        asked = len(self.before)  # what must be reached whatever plan there is
        of, choice = program or self.program, self.choice
        if choice is not None and of is not self.program:
            choice = self._in_whole(choice)
        for loss in LOSSES:
            less = [*reached[:asked], *(lowered(one, loss) for one in reached[asked:])]
            frame = Frame(of, aim, less)
            if choice is None:
                return frame, -math.inf
            served = frame.serve(np.sort(choice), Clock(math.inf))
            if served.found:
                return frame, frame.signed(served.objective)
        return Frame(of, aim, reached), -math.inf

    def _kept(self, aim: Aim, result: Result) -> Reached:
        """Return what later aims must keep: the value, of worth but for a hair within the gap."""
        gap, value = self.effort.gap, result.value
        if not isinstance(aim, MostWorth | NetWorth):
            return Reached(aim, value)
        low = value - KEPT * gap * abs(value)
        lowest = result.bound / (1 + 0.999 * gap)
        # A gap that is met is met still.
        return Reached(aim, max(low, lowest) if lowest <= value else low)

    def _money(self, reached: Sequence[Reached]) -> list[Reached]:
        """Return the public money of the plan so far, where nearer alone is not to draw more."""
        assert self.choice is not None
        counts = self.effort.least_gain > 0 and self.effort.gap > ARITHMETIC
        if not counts or not self.program.capacitated:
            return []
        frame, worth = self._frame(LeastMoney(), reached)
        return [Reached(LeastMoney(), frame.sign * worth)] if math.isfinite(worth) else []

    def _won_back(self, reached: Sequence[Reached]) -> list[Reached]:
        """Return aims reached with all the worth that the stations chosen in the end can serve.

        Each is won back within what all the others keep, those after it too: the least money of a
        hair less worth may not pay for the whole of it.
        """
        assert self.choice is not None
        out = list(reached)
        if isinstance(out[-1].aim, Drives):
            out.pop()  # that much is left to decide
        for n, one in enumerate(out):
            asked = n < len(self.before)
            if isinstance(one.aim, MostWorth | NetWorth) and one is not reached[-1] and not asked:
                others = [*out[:n], *out[n + 1 :], *self._drives_proven()]
                frame, worth = self._frame(one.aim, others)
                if math.isfinite(worth):
                    out[n] = Reached(one.aim, frame.sign * worth)
        return out

    def _drives_proven(self) -> list[Reached]:
        """Return the longest drives within the gap asked of them; none where it is not proven."""
        aim, result, _ = self.results[-1]
        gap = self._gap_of(aim)
        longest = result.bound / (1 - gap)
        if not isinstance(aim, Drives) or not result.value <= longest:
            return []
        # By a hair less than the gap: drives are worked out anew.
        return [Reached(aim, max(result.value, longest * (1 - ARITHMETIC)))]

    def _break_ties(self, reached: Sequence[Reached]) -> None:
        """Take the plan that spends least of those that are as good, where nothing is left open."""
        effort, proven = (
            self.effort,
            all(
                one.value == one.bound
                or abs(one.bound - one.value) <= max(ARITHMETIC * abs(one.value), one.noise)
                for _, one, _ in self.results
            ),
        )
        if effort.gap > ARITHMETIC or effort.method != "exact" or not proven or self.clock.over:
            return
        assert self.choice is not None
        with self.clock.phase("ties"):
            self.choice, self.exact_ties = break_ties(
                self.program, reached, self.choice, self.clock,
                threads=effort.threads, seed=effort.seed,
            )  # fmt: skip

    def _prepared(self, aim: Aim) -> Aim:
        """Return the aim with what it needs to know of other plans."""
        if not isinstance(aim, LeastRegret) or aim.best:
            return aim
        scenarios = self.program.scenario_plan
        best = []
        for k in range(len(scenarios.names) if scenarios else 1):
            alone = self.whole.only_scenario(k)
            with self.clock.phase("scenarios", self.clock.share + 0.15):
                # The bound: no plan does better, so that no regret is below 0.
                mine = _Solve(alone, self.effort, self.clock, ())
                best.append(mine._searched(alone.all_aims[0], ()).bound)
        return LeastRegret(tuple(best))

    def _covered(self, aim: Aim, reached: Sequence[Reached]) -> Result | None:
        """Return the answer of a plain program of coverage, if it is one."""
        effort = self.effort
        if effort.method != "exact" or reached or not isinstance(aim, MostWorth):
            return None
        return solve_covered(
            self.program, self.clock, gap=effort.gap, seed=effort.seed, start=self.choice
        )

    def _solved(self, frame: Frame, known: Known | None = None) -> Result:
        effort = self.effort
        if effort.method == "milp":
            return solve_whole(
                frame,
                self.clock,
                gap=self._gap_of(frame.aim),
                threads=effort.threads,
                seed=effort.seed,
                solver=effort.solver,
                start=self._begun(frame),
            )
        large = frame.matrix.a.shape[1] > WHOLE_FIRST
        if effort.method == "exact" and large and self.choice is not None and goes(frame):
            result = solve_drives(
                frame, self.clock, self.choice, gap=self._gap_of(frame.aim), solved=self._run
            )
            if self._gap_of(frame.aim) > 0 or self.clock.over:
                return result
            # Exactly: what is left to prove is left to the whole program.
            exact = self._run(frame, result.choice, 0.0)
            return replace(exact, bound=max(exact.bound, result.bound))
        return self._run(frame, self.choice, self._gap_of(frame.aim), known=known)

    def _gap_of(self, aim: Aim) -> float:
        """Return the gap asked of an aim: of drives as strict as of the rest where that is 0."""
        drives = isinstance(aim, Drives) and self.effort.gap > 0
        return self.effort.drives_gap if drives else self.effort.gap

    def _begun(self, frame: Frame) -> Result | None:
        """Return a first plan, with what bounds it at once; None where none was found."""
        options = Options(self._gap_of(frame.aim), self.effort.threads, self.effort.seed)
        run = self._worked(Run(frame, self.clock, options, self.choice), Run.begin)
        return None if run.choice is None else run.result()

    def _run(
        self, frame: Frame, start: Ints | None, gap: float, *, turns: float = math.inf,
        briefly: bool = False, known: Known | None = None,
    ) -> Result:  # fmt: skip
        effort = self.effort
        greedy = effort.method == "greedy"
        options = Options(gap, effort.threads, effort.seed, greedy, briefly, turns)
        return self._worked(Run(frame, self.clock, options, start, known), Run.work).result()

    def _worked(self, run: Run, work: Callable[[Run], None]) -> Run:
        """Return a run that has done its work, or as much of it as was waited for."""
        try:
            work(run)
        except KeyboardInterrupt:
            self.clock.interrupted = True
        if run.infeasible:
            raise InfeasibleError(Fault("program", "no plan meets all that is asked"))
        return run

    def _put_together(self, reached: Sequence[Reached]) -> Answer:
        """Work out who is served by what, the drives as short as the aims allow, and the proofs."""
        assert self.choice is not None
        whole = served_whole([*(one.aim for one in reached), ShortestDrives()], self.program)
        if self.effort.gap > ARITHMETIC and not whole:
            reached = self._won_back(reached)
        pairs, energy, paid = worked_out(self.program, self.choice, reached)
        answer = Answer(
            program=replace(self.program, aims=tuple(aim for aim, *_ in self.results)),
            choice=self.choice,
            pairs=pairs,
            energy=energy,
            paid=paid,
            proofs=(),
            method=self.effort.method,
            solver=self.effort.solver,
            solver_version=highs_version() if self.effort.solver == HIGHS else "",
            tie_break="exact" if self.exact_ties else "polished",
            left_out=self.left_out,
            guarantee=self.results[0][1].guarantee,
            best_of_scenarios=next(
                (aim.best for aim, *_ in self.results if isinstance(aim, LeastRegret)), ()
            ),
        )
        proofs = []
        for aim, result, seconds in self.results:
            # Money, minutes and shares are never below zero, whatever arithmetic says of a bound.
            bound = max(result.bound, 0.0) if less_is_better(aim) else result.bound
            proof = Proof.of(
                value_of(answer, aim),
                bound,
                gap_asked=self._gap_of(aim),
                stopped=result.stopped,
                unit=unit_of(self.program, aim),
                maximise=not less_is_better(aim),
                nodes=result.nodes,
                seconds=seconds,
                noise=result.noise,
            )
            proofs.append(AimProof(aim.name, proof))
        return replace(answer, proofs=tuple(proofs))


def _offers_of(courses: Courses, some: Ints) -> Ints:
    """Return the offers that some options are made of, in order."""
    offer = np.unique(courses.offer[some])
    return offer[offer >= 0]
