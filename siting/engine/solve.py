"""The solve of one program, aim by aim: each aim gets a plan, a bound and a proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from siting import settings
from siting.engine.answer import AimProof, Answer, LeftOut, Method, Result
from siting.engine.clock import Clock, Progress
from siting.engine.cover import served_whole, solve_covered
from siting.engine.drives import goes, solve_drives
from siting.engine.effort import Effort
from siting.engine.frame import Frame, best_of_each
from siting.engine.highs import highs_version
from siting.engine.incumbent import Incumbent, Known
from siting.engine.marginal import trimmed
from siting.engine.milp import solve_whole
from siting.engine.parallel import Task
from siting.engine.prices import table_of
from siting.engine.pricing import Priced, Pricing, bounds_on_drives, is_many
from siting.engine.relaxed_floors import viable
from siting.engine.relocate import moved, relocated_often
from siting.engine.run import begin, result_of, search
from siting.engine.served import lowered, reached_again, worked_out
from siting.engine.solvers import HIGHS
from siting.engine.station_bound import Bounds
from siting.engine.ties import break_ties
from siting.engine.turns import go_on_with_bounds
from siting.engine.why_not import is_hopeless, raise_why_not, refuse_unlisted
from siting.engine.year_bounds import bound_by_years, has_year_bounds
from siting.engine.year_by_year import planned_by_years
from siting.engine.year_prices import prices_by_year
from siting.errors import Fault, InfeasibleError, InputError, SolveError, StuckError, require_kind
from siting.program.aims import Aim, LeastMoney, ShortestDrives
from siting.program.instance import Floats, Ints
from siting.program.matrix import Reached
from siting.program.options import Options as Courses
from siting.program.options import course_count
from siting.program.program import Program


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
    """Return the plan of a program: stations, demand served, payments, and a proof for each aim.

    The same program, options and seed give the same plan, unless the time limit ends the solve.
    Ctrl-C ends the solve early and returns the best plan so far.

    Parameters
    ----------
    program
        The program to solve.
    gap
        Relative gap at which to stop, at least 0 and below 1; at 0, ties are broken exactly.
    drives_gap
        Gap for aims that include driving times; 0 if `gap` is 0.
    time_limit_s
        Time limit (s) for all aims together.
    threads, seed
        Number of threads and random seed of the solver.
    method
        ``exact`` runs until the gap is proven; ``greedy`` finds a good plan and a bound in seconds;
        ``milp`` passes the whole PuLP problem to `solver`.
    solver
        Solver for ``milp``, by its name in PuLP.
    least_gain
        Stations that gain less than this (by default in kWh/day per rupee of public money) are
        removed, as long as the plan stays within the gap.
    progress
        Function that is called from time to time with a `Progress`.
    start
        Offers of an earlier plan to start from; offers that do not fit are left out.

    Returns
    -------
    Answer
        The stations, the demand they serve, the public money, and a proof for each aim.

    Raises
    ------
    InputError
        If an option is invalid.
    InfeasibleError
        If no plan meets the requirements. The error lists the conflict, with values and remedies.
    SolveError
        If the solver is missing or fails, or no plan was found within the time limit.
    """
    effort = Effort(gap, time_limit_s, threads, seed, method, solver, drives_gap, least_gain)
    effort.check()
    require_kind("program", program, Program, "give a siting.Program, such as study.program")
    clock = Clock(time_limit_s, progress)
    with clock.listening():
        if is_hopeless(program):
            raise_why_not(program, clock, effort)
        try:
            return _Solve(program, effort, clock, tuple(start or ())).answer()
        except InfeasibleError:
            raise_why_not(program, clock, effort)


def chosen(
    program: Program, *, time_limit_s: float, seed: int, start: Sequence[str]
) -> tuple[Program, Result]:
    """Solve a program's first aim to a gap of 0; return the best choice and a bound on all choices.

    Demand is not assigned to the stations, which would take longer. The choice refers to the
    options of the program returned, which may have fewer offers after pricing. For the arguments,
    see `solve`. Raises `InfeasibleError` if there is no plan, without analysing the conflict, and
    `SolveError` if no plan was found within the time limit.
    """
    effort = Effort(0.0, time_limit_s, seed=seed, drives_gap=0.0)
    clock = Clock(time_limit_s)
    with clock.listening():
        mine = _Solve(program, effort, clock, tuple(start))
        try:
            result = mine._searched(program.all_aims[0], ())
        except InfeasibleError:
            refuse_unlisted(program)
            raise
    return mine.program, result


class _Solve:
    """The aims of one program, solved in lexicographic order."""

    def __init__(
        self, program: Program, effort: Effort, clock: Clock, start: tuple[str, ...]
    ) -> None:
        if program.lacks_courses:
            if effort.method == "milp":
                program.refuse_many_courses("method milp")
            if program.instance.offer_opens.any():
                program.refuse_many_courses("offers with opening years")
            program = _with_upgrades_of(program, np.zeros(0, dtype=np.int64))
        self.program, self.effort, self.clock = program, effort, clock
        # `whole` is the program with all offers; `kept` lists the offers that `program` has.
        self.whole = program
        self.kept: Ints = np.arange(len(program.instance.offer_ids))
        self.choice: Ints | None = None
        if start:
            instance = program.instance
            known = np.flatnonzero(np.isin(instance.offer_ids, np.array(start, dtype=object)))
            known = known[np.unique(instance.offer_site[known], return_index=True)[1]]  # 1 per site
            self.choice = self._earliest(known)
            if program.year_plan is not None and not program.resources.within(self.choice):
                rank, ids = {offer: n for n, offer in enumerate(start)}, instance.offer_ids
                own = sorted(known.tolist(), key=lambda o: rank[str(ids[o])])
                self.choice = self._as_money_allows(own)
        self.results: list[tuple[Aim, Result, dict[str, float]]] = []
        self.exact_ties = False
        # Share of the time limit after which an aim that other aims follow may end without a proof.
        self.yields_from = math.inf
        self.briefly = False  # whether to leave out the proof of a bound
        self.from_years = False  # whether a bound comes from single years
        self.most_of_years: Floats | None = None  # bound on the worth of each year alone
        self.left_out = LeftOut()
        # Bounds on all plans for the first aim, with the prices that prove them.
        self.bounds: Bounds | None = None
        # `inc`: incumbent of the last search; `beyond`: bound on plans that it did not consider,
        # apart from `inc.beyond`.
        self.inc: Incumbent | None = None
        self.beyond = -math.inf
        self.finish_s = 0.0  # time to reserve for the answer
        self.whole_s = 0.0  # time to prepare the program with all offers for one aim
        self.beside: Task[None] | None = None  # lowers the first aim's bound during later aims

    def _earliest(self, offers: Ints) -> Ints:
        """Return, for each given final offer, the option that builds it earliest."""
        last = self.program.options.last
        order = np.lexsort((-(self.program.options.offer >= 0).sum(axis=1), last))
        chosen = order[np.unique(last[order], return_index=True)[1]]
        return np.sort(chosen[np.isin(last[chosen], offers)])

    def _as_money_allows(self, offers: Sequence[int]) -> Ints:
        """Return options that build given offers in order, each as soon as the budget allows."""
        program, options = self.program, self.program.options
        plan = program.year_plan
        assert plan is not None
        drawn = options.of_offers(program.instance.offer_subsidy)
        # As in `Years.limit_pkr`: money drawn in each year or, if money carries over, up to the end
        # of that year.
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
        """Solve the aims and return the answer."""
        try:
            return self._answered()
        finally:
            if self.beside is not None:
                self.beside.stop()

    def _answered(self) -> Answer:
        reached: list[Reached] = []
        aims = list(self.program.all_aims)
        first: tuple[Incumbent | None, float] = None, math.inf
        if self.choice is None:
            self._begin_alone()
        for n, aim in enumerate(aims):
            left = len(aims) - n - 1
            share = self.clock.share_of_rest(settings.MAIN_SHARE) if left else 1.0
            before, began = dict(self.clock.seconds), self.clock.elapsed_s
            self.yields_from = (self.clock.share + share) / 2 if left else math.inf
            with self.clock.phase("aim", min(share, 1.0)):
                aims[n] = aim = self._prepared(aim)
                self.clock.hear(math.nan, math.inf)
                self.clock.unit = aim.unit(self.program.worth_unit)
                result = self._covered(aim, reached)
                if result is None:
                    try:
                        result = self._searched(aim, reached)
                    except StuckError:
                        result = self._as_it_stands(aim, reached) if n else None
                        if result is None:
                            raise
                if not reached and self.effort.least_gain > 0:
                    out = trimmed(self.program, aim, result, self.clock, self.effort)
                    result, self.left_out = out
            self.clock.seconds.pop("aim")
            spent = {k: v - before.get(k, 0.0) for k, v in self.clock.seconds.items()}
            seconds = {phase: s for phase, s in spent.items() if s > 0}
            seconds["total"] = self.clock.elapsed_s - began
            self.clock.report(at_once=True)
            self.results.append((aim, result, seconds))
            self.choice = result.choice
            if not n:
                first = self.inc, self.beyond
                if left:
                    self._begin_beside(self.inc)
            reached.append(self._kept(aim, result) if left else Reached(aim, result.value))
            if left and aims[n + 1].of_drives and not aims[n + 1].of_stations:
                reached += self._money(reached)
        self._go_on(*first)
        self._break_ties(reached)
        return self._put_together(reached)

    def _begin_beside(self, inc: Incumbent | None) -> None:
        """Lower the first aim's bound during later aims, if a thread is free."""
        if inc is None or not inc.bound_steps or inc.bound <= self.beyond:
            return
        if inc.done and inc.beyond <= inc.proven_at:
            return
        # Later aims may give up a share of this aim's gap; the bound must prove the rest.
        inc.effort = replace(inc.effort, gap=(1 - settings.KEPT) * inc.effort.gap)
        inc.yields_from = math.inf  # this gap is already the share that must be proven
        if self.effort.threads == 1:
            return
        self.clock = self.clock.handed_on()
        self.effort = replace(self.effort, threads=self.effort.threads - 1)
        inc.effort = replace(inc.effort, threads=1)
        inc.master.shortfalls.threads = 1
        self.beside = Task(lambda _: go_on_with_bounds(inc), inc.clock)

    def _go_on(self, inc: Incumbent | None, beyond: float) -> None:
        """Lower the first aim's bound in the time left after the last aim; the plan is final."""
        aim, result, seconds = self.results[0]
        if inc is None or not inc.bound_steps or len(self.results) == 1:
            return
        if self.beside is None and inc.bound <= beyond:
            return
        # Steps that run during the later aims have their own record of run times.
        before_s = dict(inc.clock.seconds) if self.beside is None else {}
        self.clock.unit = aim.unit(self.program.worth_unit)
        with self.clock.within(min(inc.ends, self._finish)):
            if self.beside is None:
                self._worked(inc, go_on_with_bounds)
            else:
                with suppress(StuckError):  # the bound found so far is valid
                    self.beside.wait(self.clock, until_over=True)
                    self.beside.result()
        self.clock.report(at_once=True)
        sign = inc.frame.sign
        bound = min(sign * result.bound, max(inc.bound, inc.beyond, beyond))
        for phase in ("tree", "area bounds"):
            spent_s = inc.clock.seconds.get(phase, 0.0) - before_s.get(phase, 0.0)
            if spent_s > 0:
                seconds[phase] = seconds.get(phase, 0.0) + spent_s
                seconds["total"] += spent_s
        self.results[0] = aim, replace(result, bound=sign * bound, nodes=inc.nodes), seconds

    @property
    def _finish(self) -> float:
        """Share of the time limit at which the search must end to leave time for the answer."""
        return 1 - self.finish_s / self.clock.limit_s

    @property
    def _begin_s(self) -> float:
        """Time (s) taken so far to build models and to find first plans."""
        return math.fsum(self.clock.seconds.get(phase, 0.0) for phase in ("build", "start"))

    def _begin_alone(self) -> None:
        """Start from a plan made without concessions; it stays feasible with concessions."""
        gap, large = self.whole.gap, len(self.whole.service().site) > settings.WHOLE_FIRST
        if gap is None or not gap.concessions or not large or self.effort.method == "greedy":
            return
        alone = replace(self.whole, gap=replace(gap, concessions={}))
        offers = self._offers_in(alone, alone.all_aims[0], "start")
        if offers is not None:  # some requirements may be met only with concessions
            self.choice = self._earliest(np.sort(offers))

    def _offers_in(
        self, program: Program, aim: Aim, phase: str, *, briefly: bool = False,
        start: Sequence[str] = (),
    ) -> Ints | None:  # fmt: skip
        """Return the final offers of a plan for another program; None if no plan was found."""
        mine = _Solve(program, self.effort, self.clock, tuple(start))
        mine.briefly = briefly
        try:
            with self.clock.phase(phase, self.clock.share_of_rest(settings.START_SHARE)):
                result = mine._searched(mine._prepared(aim), ())
        except (InfeasibleError, SolveError):
            return None
        return mine.whole.options.last[mine._in_whole(result.choice)]

    def _searched(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the result for one aim; if the aim is `cost to all`, move stations at the end."""
        if self.effort.method == "milp" or not aim.of_stations:
            return self._found(aim, reached)
        with self.clock.within(self.clock.share_of_rest(1 - settings.LAST_SHARE)):
            result = self._found(aim, reached)
        return self._moved(aim, reached, result)

    def _as_it_stands(self, aim: Aim, reached: Sequence[Reached]) -> Result | None:
        """Return the current plan as a later aim's result, without a bound; None if infeasible."""
        frame, value = self._frame(aim, reached)
        if self.choice is None or not math.isfinite(value):
            return None
        return Result(self.choice, frame.sign * value, frame.sign * math.inf, "time limit")

    def _found(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the result for one aim; if there are many offers, pricing narrows them first."""
        if self.effort.method == "milp" or not is_many(self.whole):
            return self._solved(self._framed(aim, reached))
        by_year = self.whole.year_plan is not None and not reached
        if by_year and (self.choice is None or self.whole.lacks_courses):
            self._plan_years(aim)
        result = self._by_years(aim, reached)
        late = reached and self.clock.left_s < settings.FINISH * self.whole_s
        if result is None and late:  # there is no time to consider all offers again
            result = self._as_it_stands(aim, reached)
        return result or self._narrowed(aim, reached)

    def _by_years(self, aim: Aim, reached: Sequence[Reached]) -> Result | None:
        """Return the result for an aim over years, with a bound from the single years.

        The result is None for other aims, and if a relaxation over all years is fast enough.
        """
        if self.choice is None or self.whole.year_plan is None or self.clock.over:
            return None
        lacks = self.whole.lacks_courses
        if not (reached or lacks or self.whole.gap is not None):
            return None
        frame = Frame(self.whole, aim, [lowered(one, settings.LOSSES[-1]) for one in reached])
        large = frame.matrix.a.shape[1] > settings.WHOLE_LAST
        if not (large or lacks) or not has_year_bounds(frame):
            return None
        start = self._in_whole(self.choice)
        serve_s = self.clock.elapsed_s
        served = frame.serve(start, self.clock)
        if not served.found:
            return None
        self.finish_s = settings.FINISH * (self.clock.elapsed_s - serve_s)
        share = min(self.clock.share_of_rest(settings.ROOT_SHARE), self._finish)
        with self.clock.phase("pricing", share):
            found = bound_by_years(
                frame, start, served.point, self.clock, gap=self._gap_of(aim),
                threads=self.effort.threads, seed=self.effort.seed, most=self.most_of_years,
            )  # fmt: skip
        self.most_of_years = found.most
        if found.prices is not None:
            every = np.full(frame.count, found.bound)
            self.bounds = Bounds(found.bound, every, found.prices)
        kept = np.union1d(found.offers, _offers_of(self.whole.options, start))
        if reached:
            kept = np.union1d(kept, self.kept)
        else:
            self._allow_upgrades_of(kept)
        self._narrow(np.union1d(kept, np.flatnonzero(self.whole.instance.offer_existing)))
        with self.clock.within(self._finish):
            result = self._solved(self._framed(aim, reached))
        self.from_years, self.beyond = True, frame.sign * found.bound
        return replace(result, bound=frame.sign * max(self.beyond, frame.sign * result.value))

    def _moved(self, aim: Aim, reached: Sequence[Reached], result: Result) -> Result:
        """Return a result after moving or resizing its stations, with all offers to choose from."""
        clock, began_s = self.clock, self.clock.elapsed_s
        self.choice = result.choice
        if clock.left_s <= self.whole_s:
            return result
        frame, before = self._frame(aim, reached, self.whole)
        if clock.over or not math.isfinite(before):
            return result
        # Computing the answer takes a multiple of the time that it took to value this plan.
        self.finish_s = settings.FINISH * (clock.elapsed_s - began_s)
        with clock.within(self._finish):
            better, _ = relocated_often(frame, self._in_whole(result.choice), clock)
            better = moved(frame, better, clock)
        served = frame.serve(better, self.clock)
        value = frame.signed(served.objective) if served.found else -math.inf
        if not value > before + settings.ARITHMETIC * abs(before):
            return result
        if self.program is not self.whole:
            self._narrow(np.union1d(self.kept, _offers_of(self.whole.options, better)))
            better = self._from_whole(better)
        self.choice = better
        return replace(result, choice=better, value=frame.sign * value)

    def _narrowed(self, aim: Aim, reached: Sequence[Reached]) -> Result:
        """Return the best plan with the offers that pricing selects, and a bound for all offers."""
        # If the aim is the cost to all (stations plus drivers' time), most of the remaining time
        # goes to pricing. Pricing provides the bound, and later steps hardly improve a plan whose
        # stations have been moved.
        share = 1 - settings.LAST_SHARE if aim.of_stations else settings.ROOT_SHARE
        with self.clock.phase("pricing", self.clock.share_of_rest(share)):
            whole, priced = self._priced(aim, reached)
        if priced is not None and priced.infeasible:
            raise InfeasibleError(Fault("program", "no plan meets all requirements"))
        gap, self.beyond = self._gap_of(aim), math.inf if priced is None else -math.inf
        while True:
            began_s, before_s = self.clock.elapsed_s, self._begin_s
            frame = self._framed(aim, reached)
            set_up_s = self.clock.elapsed_s - began_s
            if priced is None:
                return replace(self._solved(frame), bound=frame.sign * math.inf)
            options = self._in_whole(np.arange(frame.count))
            known = Known(whole, options, priced)
            with self.clock.within(self._finish):
                result = self._solved(frame, known)
            if self.briefly:
                return result
            value, bound = frame.sign * result.value, frame.sign * result.bound
            if result.bounds is not None:
                bounds, first = result.bounds, not self.results and aim.of_worth
                if first and (self.bounds is None or bounds.bound < self.bounds.bound):
                    self.bounds = bounds  # the best prices are kept for the certificate
                priced = priced.or_less(bounds.bound, bounds.at_most)
            priced = priced.lowered
            below, bound = bound, min(priced.bound, max(bound, known.beyond(priced)))
            # Such a small difference is within the accuracy of the prices.
            if bound - value <= settings.ARITHMETIC * abs(value):
                bound = value
            result = replace(result, bound=frame.sign * max(bound, value))
            enough = value + max(gap, settings.ARITHMETIC) * abs(value)
            kept = value + max((1 - settings.KEPT) * gap, settings.ARITHMETIC) * abs(value)
            new = known.promising(priced.at_most, kept)
            if not len(new):  # too many options qualify: add only those that keep the bound high
                new = known.promising(priced.at_most, max(enough, below))
            more = np.union1d(self.kept, _offers_of(whole.options, new))
            set_up_s += self._begin_s - before_s
            late = self.clock.left_s <= set_up_s * len(more) / max(len(self.kept), 1)
            late = late or self.clock.over or result.stopped == "time limit"
            if bound <= enough or late or not len(new):
                return result
            self.choice = result.choice
            self._narrow(more)

    def _priced(self, aim: Aim, reached: Sequence[Reached]) -> tuple[Frame, Priced | None]:
        """Return the frame with all offers, and the bounds from pricing (None if time ran out)."""
        began_s = self.clock.elapsed_s
        frame = Frame(self.whole, aim, [lowered(one, settings.LOSSES[-1]) for one in reached])
        start = np.zeros(0, dtype=np.int64) if self.choice is None else self._in_whole(self.choice)
        if self.choice is not None and aim.of_stations:
            relocate_s = self.clock.elapsed_s
            with self.clock.within(self.clock.share_after(settings.LAST_SHARE)):
                start, _ = relocated_often(frame, start, self.clock)
            began_s += self.clock.elapsed_s - relocate_s
        serve_s = self.clock.elapsed_s
        served = frame.serve(np.sort(start), self.clock) if len(start) else None
        if reached:  # if time runs out, the plan remains as it is
            self.finish_s = settings.FINISH * (self.clock.elapsed_s - serve_s)
        point, best = None, -math.inf
        if served is not None and served.found:
            point, best = served.point, frame.signed(served.objective)
        some = start
        if self.program is not self.whole:  # options added by the pricing of earlier aims
            some = np.union1d(start, self._in_whole(np.arange(len(self.program.options))))
        years_s = self.clock.elapsed_s
        by_year = prices_by_year(frame, self.clock, seed=self.effort.seed)
        years_s = self.clock.elapsed_s - years_s
        rounds, given = True, None
        if by_year is not None:
            given, offers = by_year
            some = np.union1d(some, np.flatnonzero(np.isin(frame.options.last, offers)))
            # A relaxation over n years takes more than n times as long as a relaxation of one year.
            # In a large program, the time limit ends most steps anyway.
            rounds = not frame.large or self.clock.left_s > frame.options.offer.shape[1] * years_s
        pricing = Pricing(
            frame, self.clock, start=start, some=some, seed=self.effort.seed,
            threads=self.effort.threads, served=point, given=given,
        )  # fmt: skip
        self.whole_s = self.clock.elapsed_s - began_s - years_s
        if self.briefly:
            priced = pricing.roughly()
        else:
            with self.clock.within(self._finish):
                priced = pricing.run(self._gap_of(aim), best, rounds=rounds)
        if not self.results and aim.of_worth:
            self.bounds = pricing.bounds
        active = pricing.active if priced is None else priced.active
        beside = start
        if priced is not None and not priced.infeasible:
            beside = np.union1d(beside, best_of_each(frame.site, priced.at_most, settings.BESIDE))
        self._narrow(_offers_of(self.whole.options, np.union1d(np.flatnonzero(active), beside)))
        if self.choice is not None:
            self.choice = self._from_whole(start)
        return frame, priced

    def _plan_years(self, aim: Aim) -> None:
        """Find a first plan over all years, from the plans of single years."""
        # Without viability gaps and floors, choices are evaluated quickly: the search among all
        # offers then improves a plan sooner than proofs for the small programs do.
        briefly = self.whole.gap is None and not self.whole.floors and aim.of_worth

        def solve_year(year: Program, one: Aim, stand: Ints) -> Ints | None:
            start = year.instance.offer_ids[stand].tolist()
            return self._offers_in(year, one, "years", briefly=briefly, start=start)

        try:
            by_year = planned_by_years(self.whole, aim, solve_year, self.clock)
        except InputError:  # the numbers of one year may differ too much in magnitude
            by_year = None
        if by_year is None:
            return
        instance = self.whole.instance
        course = np.full((len(instance.site_ids), len(by_year)), -1, dtype=np.int64)
        for t, open_ in enumerate(by_year):
            course[instance.offer_site[open_], t] = open_
        offers = np.unique(np.concatenate([*by_year, np.flatnonzero(instance.offer_existing)]))
        self._allow_upgrades_of(np.unique(np.concatenate(by_year)))
        made = self.whole.options.find(course[course[:, -1] >= 0])
        plans = [np.sort(made[made >= 0])]
        if self.choice is not None:
            plans.append(self._in_whole(self.choice))
            offers = np.union1d(offers, _offers_of(self.whole.options, plans[-1]))
        self.choice = None
        self._narrow(offers)
        frame, best = Frame(self.program, aim), -math.inf
        for plan in map(self._from_whole, plans):
            choice: Ints | None = plan
            served = frame.serve(plan, self.clock)
            if not served.found and self.whole.gap is not None:
                choice = viable(frame, plan, self.clock)
                served = served if choice is None else frame.serve(choice, self.clock)
            if served.found and frame.signed(served.objective) > best:
                best, self.choice = frame.signed(served.objective), choice
        if self.choice is not None:
            return
        # A small program with only these offers decides when to build them.
        in_time = self.clock.phase("years", self.clock.share_of_rest(settings.START_SHARE))
        with in_time, suppress(InfeasibleError, SolveError):
            start = self._from_whole(plans[-1])
            self.choice = self._run(frame, start, self._gap_of(aim), briefly=briefly).choice

    def _allow_upgrades_of(self, offers: Ints) -> None:
        """Replace the upgrades that are options by those among given offers of the whole program.

        Nothing changes if all upgrades are options, or if the upgrades among the given offers are
        still too many. Otherwise, the current plan must have only upgrades among these offers, and
        the program is no longer narrowed.
        """
        if not self.whole.lacks_courses:
            return
        instance, years = self.whole.instance, self.whole.options.offer.shape[1]
        if course_count(instance, np.unique(offers), years) > settings.WHOLE_LAST:
            return
        course = None
        if self.choice is not None:
            course = self.whole.options.offer[self._in_whole(self.choice)]
        self.whole = self.program = _with_upgrades_of(self.whole, offers)
        self.kept = np.arange(len(instance.offer_ids))
        if course is not None:
            self.choice = np.sort(self.whole.options.find(course))

    def _in_whole(self, choice: Ints) -> Ints:
        """Return a choice as options of the whole program."""
        offer = self.program.options.offer[choice]
        return self.whole.options.find(np.where(offer >= 0, self.kept[offer], -1))

    def _from_whole(self, choice: Ints) -> Ints:
        """Return a choice of the whole program as options of the narrowed program."""
        place = np.full(len(self.whole.instance.offer_ids) + 1, -1, dtype=np.int64)
        place[self.kept] = np.arange(len(self.kept))
        return np.sort(self.program.options.find(place[self.whole.options.offer[choice]]))

    def _narrow(self, kept: Ints) -> None:
        """Narrow the program to the offers `kept`, which include the offers of the choice."""
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
        """Return the matrix (`Frame`) of an aim, and the value of the current plan for this aim.

        `program`: by default the program narrowed by pricing. If the plan misses values that
        earlier aims reached, because of solver tolerances, the frame allows the smallest loss that
        makes it feasible. The value is negated if less is better; it is -inf if no plan is
        feasible.
        """
        of, choice = program or self.program, self.choice
        if choice is not None and of is not self.program:
            choice = self._in_whole(choice)
        found = None if choice is None else reached_again(of, aim, reached, choice)
        if found is None:
            return Frame(of, aim, reached), -math.inf
        frame, served = found
        return frame, frame.signed(served.objective)

    def _kept(self, aim: Aim, result: Result) -> Reached:
        """Return the value that later aims must keep; worth may fall by a share of the gap."""
        gap, value = self.effort.gap, result.value
        if not aim.of_worth:
            return Reached(aim, value)
        low = value - settings.KEPT * gap * abs(value)
        if result.bound - value <= gap * (1 + settings.EXACT) * abs(value):
            # If the plan meets the gap, later plans must meet it too.
            low = max(low, min(value, result.bound / (1 + 0.999 * gap)))
        return Reached(aim, low)

    def _money(self, reached: Sequence[Reached]) -> list[Reached]:
        """Return the plan's public money as a limit on later plans, if a least gain is set."""
        assert self.choice is not None
        counts = self.effort.least_gain > 0 and self.effort.gap > settings.ARITHMETIC
        if not counts or not self.program.capacitated:
            return []
        frame, worth = self._frame(LeastMoney(), reached)
        return [Reached(LeastMoney(), frame.sign * worth)] if math.isfinite(worth) else []

    def _won_back(self, reached: Sequence[Reached]) -> list[Reached]:
        """Return the values reached, with the worth raised as far as the final stations allow.

        All other aims keep their values, so the worth may stay below its earlier value: a later aim
        that minimised public money may have left too little money to pay for this worth.
        """
        assert self.choice is not None
        out = list(reached)
        if out[-1].aim.of_drives:
            out.pop()  # so that driving times can still improve
        for n, one in enumerate(out):
            if one.aim.of_worth and one is not reached[-1]:
                others = [*out[:n], *out[n + 1 :], *self._drives_proven()]
                frame, worth = self._frame(one.aim, others)
                if math.isfinite(worth):
                    out[n] = Reached(one.aim, frame.sign * worth)
        return out

    def _drives_proven(self) -> list[Reached]:
        """Return the longest driving time that the gap allows, as a limit; empty if unproven."""
        aim, result, _ = self.results[-1]
        gap = self._gap_of(aim)
        longest = result.bound / (1 - gap)
        if not aim.of_drives or not result.value <= longest:
            return []
        # Stay slightly inside the gap, because driving times are recomputed.
        return [Reached(aim, max(result.value, longest * (1 - settings.ARITHMETIC)))]

    def _break_ties(self, reached: Sequence[Reached]) -> None:
        """Break ties by the least public money, if the plan is proven optimal for all aims."""
        effort = self.effort
        proven = all(
            one.value == one.bound
            or abs(one.bound - one.value) <= max(settings.ARITHMETIC * abs(one.value), one.noise)
            for _, one, _ in self.results
        )
        exact = effort.gap <= settings.ARITHMETIC and effort.method == "exact"
        exact = exact and not self.from_years  # a plan with offers left out may tie
        if not exact or not proven or self.clock.over:
            return
        assert self.choice is not None
        with self.clock.phase("ties"):
            self.choice, self.exact_ties = break_ties(
                self.program, reached, self.choice, self.clock, effort
            )

    def _prepared(self, aim: Aim) -> Aim:
        """Return the aim, with a bound for each scenario if the aim needs such bounds."""
        if not aim.lacks_best:
            return aim
        scenarios = self.program.scenario_plan
        best = []
        for k in range(len(scenarios.names) if scenarios else 1):
            alone = self.whole.only_scenario(k)
            with self.clock.phase("scenarios", self.clock.share + 0.15):
                # Regret is measured from the bound, not the value, so that no regret is below 0.
                mine = _Solve(alone, self.effort, self.clock, ())
                best.append(mine._searched(alone.all_aims[0], ()).bound)
        return aim.with_best(tuple(best))

    def _covered(self, aim: Aim, reached: Sequence[Reached]) -> Result | None:
        """Return the result of a plain covering program; None for any other program."""
        gap, seed = self.effort.gap, self.effort.seed
        if self.effort.method != "exact" or reached or not aim.is_plain_worth:
            return None
        return solve_covered(self.program, self.clock, gap=gap, seed=seed, start=self.choice)

    def _solved(self, frame: Frame, known: Known | None = None) -> Result:
        method, gap = self.effort.method, self._gap_of(frame.aim)
        if method == "milp":
            effort = replace(self.effort, gap=gap)
            inc = self._worked(Incumbent(frame, self.clock, effort, self.choice), begin)
            first = None if inc.choice is None else result_of(inc)
            return solve_whole(frame, self.clock, effort, first)
        large = frame.matrix.a.shape[1] > settings.WHOLE_FIRST
        if method == "exact" and large and self.choice is not None and goes(frame):
            result = solve_drives(
                frame, self.clock, self.choice, gap=gap, solved=self._run,
                bound=self._least_drives(frame, known),
            )  # fmt: skip
            if gap > 0 or self.clock.over:
                return result
            # An exact proof needs the whole program.
            exact = self._run(frame, result.choice, 0.0)
            return replace(exact, bound=max(exact.bound, result.bound))
        return self._run(frame, self.choice, gap, known=known)

    def _least_drives(self, frame: Frame, known: Known | None) -> float:
        """Return a lower bound on driving time, from a relaxation in a tenth of the time left."""
        if known is not None:
            return max(frame.sign * known.priced.bound, 0.0)
        with self.clock.phase("relaxation", self.clock.share_after(settings.LAST_SHARE)):
            priced = bounds_on_drives(
                frame, self.clock, self.choice, gap=self._gap_of(frame.aim), seed=self.effort.seed
            )
        if priced is None or priced.infeasible:  # there is a plan, so the solver failed
            return 0.0
        return max(frame.sign * priced.bound, 0.0)

    def _gap_of(self, aim: Aim) -> float:
        """Return the requested gap of an aim (for driving times, 0 if the general gap is 0)."""
        drives = aim.of_drives and self.effort.gap > 0
        return self.effort.drives_gap if drives else self.effort.gap

    def _run(
        self, frame: Frame, start: Ints | None, gap: float, *, turns: float = math.inf,
        briefly: bool = False, known: Known | None = None,
    ) -> Result:  # fmt: skip
        inc = Incumbent(
            frame, self.clock, replace(self.effort, gap=gap), start, known,
            briefly=briefly or self.briefly, turns=turns, yields_from=self.yields_from,
        )  # fmt: skip
        self.inc = self._worked(inc, search)
        return result_of(self.inc)

    def _worked(self, inc: Incumbent, work: Callable[[Incumbent], None]) -> Incumbent:
        """Run `work` on an incumbent; return the incumbent even after Ctrl-C or a stuck solver."""
        try:
            work(inc)
        except KeyboardInterrupt:
            self.clock.interrupt()
        except StuckError:
            if inc.choice is None:
                raise
        if inc.infeasible:
            raise InfeasibleError(Fault("program", "no plan meets all requirements"))
        return inc

    def _put_together(self, reached: Sequence[Reached]) -> Answer:
        """Return the plan, with the shortest driving times that the aims allow, and its proofs."""
        assert self.choice is not None
        whole = served_whole([*(one.aim for one in reached), ShortestDrives()], self.program)
        if self.effort.gap > settings.ARITHMETIC and not whole:
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
            prices=None if self.bounds is None else table_of(self.program, self.bounds.prices),
        )
        proofs = []
        for aim, result, seconds in self.results:
            # Money, minutes and shares are never below zero.
            bound = max(result.bound, 0.0) if aim.less_is_better else result.bound
            proof = AimProof.of(
                aim, answer, bound, gap_asked=self._gap_of(aim), stopped=result.stopped,
                nodes=result.nodes, seconds=seconds, noise=result.noise,
            )  # fmt: skip
            proofs.append(proof)
        return replace(answer, proofs=tuple(proofs))


def _with_upgrades_of(program: Program, offers: Ints) -> Program:
    """Return the program with only the upgrades among given offers as options."""
    upgraded = np.bincount(offers, minlength=len(program.instance.offer_ids)) > 0
    return replace(program, instance=replace(program.instance, offer_upgraded=upgraded))


def _offers_of(courses: Courses, some: Ints) -> Ints:
    offer = np.unique(courses.offer[some])
    return offer[offer >= 0]
