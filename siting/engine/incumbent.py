"""The best plan found (incumbent) and the bound for one aim, shared by all steps of the search.

Values are negated if less is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cut_model import Relaxed
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.least_payments import with_least_payments
from siting.engine.linear import Answered
from siting.engine.master import Master
from siting.engine.pricing import LaterBound, Priced
from siting.engine.schedule import Ended, Step
from siting.engine.slack import Room
from siting.engine.station_bound import Bounds, Prices
from siting.engine.valuer import State, Valuer, valuer_of
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class Known:
    """The result of a relaxation with all options: its bounds and its solution."""

    whole: Frame  # the frame with all options
    options: Ints  # positions in `whole` of the current options
    priced: Priced  # the result for the options of `whole`

    @property
    def taken(self) -> Floats:
        """The value of each current option."""
        return self.priced.taken[self.options]

    def beyond(self, priced: Priced) -> float:
        """Return a bound on the plans that use missing options; -inf if no option is missing.

        `priced`: bounds for the options of `whole`, at most those of the relaxation.
        """
        if self.whole.program.lacks_courses:  # any plan may use upgrades that are not options
            return priced.bound
        missing = np.setdiff1d(np.arange(self.whole.count), self.options)
        return float(priced.at_most[missing].max(initial=-math.inf))

    def promising(self, at_most: Floats, enough: float) -> Ints:
        """Return the missing options whose bound `at_most` is above `enough`; none if too many."""
        new = np.setdiff1d(np.flatnonzero(at_most > enough), self.options)
        return new if len(new) <= settings.WIDER * len(self.options) else new[:0]


# The options of two plans to be combined, and the generation of the resulting plan.
type Pair = tuple[Ints, Ints, int]


class Plans:
    """Plans from different starts (generation 0), and the plans made by combining them."""

    def __init__(self) -> None:
        self._generations: list[list[tuple[float, Ints]]] = []  # best plan first in each generation

    def add(self, choice: Ints, value: float, generation: int = 0) -> None:
        """Add a choice to a generation, unless it is infeasible or already there."""
        while len(self._generations) <= generation:
            self._generations.append([])
        plans, choice = self._generations[generation], np.sort(choice)
        if not math.isfinite(value) or any(np.array_equal(choice, one) for _, one in plans):
            return
        plans.append((value, choice))
        plans.sort(key=lambda plan: -plan[0])

    def have_pairs(self, incumbent: Ints | None) -> bool:
        """Return whether there are two plans that can be combined."""
        return incumbent is not None and any(
            len(plans) > 1 or (plans and not np.array_equal(plans[0][1], incumbent))
            for plans in self._generations
        )

    def take(self, most: int, incumbent: Ints) -> list[Pair]:
        """Remove and return pairs of plans of the same generation, earlier generations first.

        The best plan of a generation is paired with its median plan, which is good and usually
        different. If no generation has two plans, single plans are paired with the incumbent.
        """
        out: list[Pair] = []
        for n, plans in enumerate(self._generations):
            while len(plans) > 1 and len(out) < most:
                _, second = plans.pop(len(plans) // 2)
                out.append((plans.pop(0)[1], second, n + 1))
        if out:
            return out
        for n, plans in enumerate(self._generations):
            if plans and len(out) < most and not np.array_equal(plans[0][1], incumbent):
                out.append((incumbent, plans.pop()[1], n + 1))
        return out


class Incumbent:
    """The best plan found for one aim, and the bound on the value of any plan.

    `effort`: contains the gap of this aim; `briefly`: whether to leave out the proof of a bound;
    `turns`: maximum number of turns; `yields_from`: share of the time limit after which an aim with
    slow turns ends early, to leave time for later aims.
    """

    def __init__(
        self, frame: Frame, clock: Clock, effort: Effort, start: Ints | None = None,
        known: Known | None = None, *, briefly: bool = False, turns: float = math.inf,
        yields_from: float = math.inf,
    ) -> None:  # fmt: skip
        self.frame, self.clock, self.effort = frame, clock, effort
        self.start, self.known = start, known
        self.briefly, self.turns, self.yields_from = briefly, turns, yields_from
        self.greedy = effort.method == "greedy"
        # Largest difference that counts as a rounding error if values are near 0.
        self.noise = settings.NOISE * abs(frame.matrix.size)
        self.room = Room(frame)
        self.choice: Ints | None = None
        self.best = -math.inf
        self.bound = math.inf
        self.constructed: Ints = np.zeros(0, dtype=np.int64)  # even if infeasible
        self.infeasible = False
        self.nodes = 0
        self.guarantee = ""
        self.valuer: Valuer | None = None
        self.root: Relaxed | None = None
        self.flat_rounds = 0.0  # successive rounds of cuts that hardly lowered the root's bound
        self.relaxations: list[Floats] = []  # option values at earlier root optima, to be rounded
        self.plans = Plans()  # plans from different starts, to be combined (crossed)
        self.built = False  # whether there is a plan built area by area
        self.rounded: set[bytes] = set()  # choices from which plans have been made
        self.bounds: Bounds | None = None  # bounds at the prices of the root
        # For each option, a bound on the plans that contain it.
        self.at_most: Floats = np.full(frame.count, math.inf)
        self.served: dict[bytes, Answered] = {}
        self.taken: Floats = np.zeros(frame.count) if known is None else known.taken
        self.bound_only = False  # whether only the bound is still being improved
        self.ended_in_time = False  # whether the search ended early to leave time for later steps
        self.turns_ended: Ended | None = None
        self.bound_steps: list[Step] = []  # steps that may improve the bound during later aims
        self._serve_s = 0.0  # longest time taken to compute what a choice serves

    def build(self) -> None:
        """Build the master problem, and determine whether choices can be evaluated quickly."""
        aims = [self.frame.aim, *(reached.aim for reached in self.frame.reached)]
        # The master problem has no measure of drive times.
        self.coarse = not any(aim.of_drives for aim in aims)
        # In heavy programs, steps meant for small programs take too long.
        self.heavy = self.frame.large or not self.coarse
        self.master = Master(
            self.frame, self.clock, seed=self.effort.seed, threads=self.effort.threads
        )
        self.valuer = valuer_of(self.frame, self.master.cutter)

    @cached_property
    def tight(self) -> Frame:
        """The frame with rows for least payments; windows use it."""
        return with_least_payments(self.frame)

    @property
    def prices(self) -> Prices | None:
        """The prices that give the best bound at the root, or those of a known relaxation."""
        if self.bounds is not None:
            return self.bounds.prices
        return None if self.known is None else self.known.priced.prices

    @property
    def gap(self) -> float:
        """Relative gap between incumbent and bound."""
        if not math.isfinite(self.best):
            return math.inf
        over = self.bound - self.best
        if over <= max(settings.ARITHMETIC * abs(self.best), self.noise):
            return 0.0
        return over / max(abs(self.best), 1e-300)

    @property
    def done(self) -> bool:
        """Whether to stop."""
        asked = max(self.effort.gap * (1 + settings.EXACT), settings.ARITHMETIC)
        return self.clock.over or self.infeasible or self.gap <= asked

    @property
    def enough(self) -> float:
        """Value at which a plan reaches the requested gap; infinite if there is no bound."""
        gap = self.effort.gap
        return self.bound / (1 + gap) if self.bound > 0 else self.bound / max(1 - gap, 1e-9)

    @property
    def proven_at(self) -> float:
        """Bound at which the incumbent reaches the requested gap; -inf without an incumbent."""
        return self.above(self.effort.gap)

    @property
    def closes_at(self) -> float:
        """Bound at which a node of the tree is closed.

        Later aims may give up a share of the gap. While they run, the tree must prove the remaining
        share, so it closes only nodes whose bound is within this share.
        """
        share = 1 - settings.KEPT if math.isfinite(self.yields_from) else 1.0
        return self.above(share * self.effort.gap)

    def above(self, share: float) -> float:
        """Return the incumbent's value plus a share of its absolute value; -inf without one."""
        return self.best + share * abs(self.best) if math.isfinite(self.best) else -math.inf

    def hopeless(self, enough: float) -> tuple[Flags, float]:
        """Return the options that no plan worth more than `enough` uses.

        Also return a bound on the plans that use any of these options.
        """
        out: Flags = self.at_most <= enough
        return out, float(self.at_most[out].max(initial=-math.inf))

    def limit(self, bound: float) -> None:
        """Keep a bound if it is lower than the present one."""
        self.bound = min(self.bound, bound)
        self._report()

    def limit_by(self, bounds: LaterBound) -> None:
        """Keep bounds that hold for all options of the known relaxation, if they are lower."""
        assert self.known is not None
        self.limit(max(bounds.bound, self.best))
        self.at_most = np.minimum(self.at_most, bounds.at_most[self.known.options])

    def keep(self, choice: Ints, value: float) -> None:
        """Keep a plan if it is better than the incumbent, or as good and cheaper."""
        noise = settings.EXACT * max(abs(self.best), 1e-300) if math.isfinite(self.best) else 0.0
        better = value > self.best + noise
        as_good = math.isfinite(value) and value >= self.best - noise
        if better or (as_good and self._money(choice) < self._money(self.choice)):
            self.choice, self.best = np.sort(choice), max(value, self.best)
        self._report()

    def _money(self, choice: Ints | None) -> tuple[float, float]:
        if choice is None:
            return (math.inf, math.inf)
        last, instance = self.frame.options.last[choice], self.frame.program.instance
        return math.fsum(instance.offer_subsidy[last]), math.fsum(instance.offer_cost[last])

    def _report(self) -> None:
        bound = max(self.bound, self.best)  # a bound below the plan is a rounding error
        self.clock.hear(self.frame.sign * self.best, self.frame.sign * bound)
        self.clock.report()

    def weighed(self, choice: Ints, *, late: bool = False) -> float:
        """Return the value of a choice (-inf if infeasible), and keep the choice if it is better.

        `late`: whether to evaluate the choice even if time is up; `ends` reserves time for this.
        """
        if not self.frame.fits(choice):
            return -math.inf
        if self.valuer is not None:
            value = self.valuer.at(self.frame.by_site(choice)).value
        else:
            served = self.serve(choice, late=late)
            if not served.found:
                return -math.inf
            value = self.frame.signed(served.objective)
        self.keep(choice, value)
        return value

    def serve(self, choice: Ints, *, late: bool = False) -> Answered:
        """Return the solution of the program for a choice; recent solutions are stored."""
        key = np.sort(choice).tobytes()
        if key not in self.served:
            if len(self.served) > 60:
                del self.served[next(iter(self.served))]
            began = self.clock.elapsed_s
            # A first plan is evaluated even if time is up.
            clock = self.clock if self.begun and not late else Clock(math.inf)
            self.served[key] = self.frame.serve(np.sort(choice), clock, self.effort.threads)
            # Slices are solved in parallel here, but in one program for the final plan.
            beside = self.effort.threads if len(self.frame.program.slices) > 1 else 1
            self._serve_s = max(self._serve_s, beside * (self.clock.elapsed_s - began))
        return self.served[key]

    def cut_at(self, choice: Ints, relaxed: Relaxed) -> None:
        """Add the cuts at a choice, and evaluate the choice if it may be better."""
        if self.master.cut_at(choice, relaxed.taken) > self.best:
            self.weighed(choice)

    def is_new(self, choice: Ints) -> bool:
        """Return whether a choice has stations and was not seen before, and remember it."""
        key = np.sort(choice).tobytes()
        new = len(choice) > 0 and key not in self.rounded
        self.rounded.add(key)
        return new

    @property
    def begun(self) -> bool:
        """Whether the incumbent builds a station."""
        return self.choice is not None and len(np.setdiff1d(self.choice, self.frame.kept)) > 0

    def until(self, share: float) -> float:
        """Return `Clock.share` as it will be after `share` of the time left, but at most `ends`."""
        return min(self.ends, self.clock.share_after(share))

    @property
    def ends(self) -> float:
        """Share of the whole time limit after which only the final plan is still evaluated."""
        served = settings.AGAIN * self._serve_s / self.clock.limit_s
        return max(min(settings.ENDS, 1 - served), 0.5)

    @property
    def lacks_options(self) -> bool:
        """Whether the bound is high because a few options are missing; a restart would add them."""
        if self.known is None or self.bounds is None or self.choice is None:
            return False
        at_most = self._of_whole(self.known).at_most
        enough = self.above(max((1 - settings.KEPT) * self.effort.gap, settings.ARITHMETIC))
        enough = max(enough, self.bound - settings.ARITHMETIC * abs(self.bound))
        return len(self.known.promising(at_most, enough)) > 0

    @property
    def beyond(self) -> float:
        """Bound on the plans that use options missing from this search; -inf without any."""
        return -math.inf if self.known is None else self.known.beyond(self._of_whole(self.known))

    def _of_whole(self, known: Known) -> Priced:
        """Return the lowest bounds for all options of the known relaxation."""
        priced, at_root = known.priced.lowered, self.bounds
        return priced if at_root is None else priced.or_less(at_root.bound, at_root.at_most)

    def keep_state(self, state: State) -> None:
        """Keep the plan of an evaluated choice if it is better."""
        if self.valuer is not None and self.valuer.allowed(state.choice):
            self.keep(state.choice[state.choice >= 0], state.value)
