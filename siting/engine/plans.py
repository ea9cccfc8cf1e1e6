"""The best plan and bound of one aim so far, and plans to start from.

Values are signed so that more is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from siting.engine.clock import Clock
from siting.engine.construct import Sower
from siting.engine.cut_model import Relaxed
from siting.engine.frame import Frame
from siting.engine.linear import Answered
from siting.engine.master import Master
from siting.engine.parts import parts_of
from siting.engine.proof import ARITHMETIC
from siting.engine.relaxed_floors import viable
from siting.engine.search import exchange, fill, round_relaxed
from siting.engine.slack import Room
from siting.engine.valuer import State, Valuer, is_quick
from siting.program.aims import Drives, LeastMoney, MostWorth, NetWorth
from siting.program.instance import Floats, Ints

# Pairs, over all slices, times sites from which plans are sown, not filled and exchanged.
LARGE = 200_000_000
# Options of a relaxation at or above these are taken when it is rounded, before filling up.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
ROUND_LARGE = (0.5,)
STARTS = 3
# Share of the whole time limit by which the search ends, or sooner by so many times what it takes
# to work out who is served.
ENDS, SERVED_AFTER = 0.97, 3.0
NOISE = 1e-8
# Budgets tried for the cheapest plan to start from.
SOWN = 8
# Rounds of cuts for the prices that a first plan over years is sown at.
PRICE_ROUNDS = 2


@dataclass(frozen=True)
class Options:
    """How an aim is solved: gap, threads, seed, whether to stop after a good plan, or a better.

    `turns`: turns of windows and tree after which to stop.
    """

    gap: float
    threads: int
    seed: int
    greedy: bool = False
    briefly: bool = False
    turns: float = math.inf


@dataclass(frozen=True, eq=False)
class Known:
    """What a relaxation of the whole program said: a bound, what it took, and where that led."""

    bound: float
    taken: Floats  # how much of each option
    choices: tuple[Ints, ...] = ()  # plans to begin with


class Plans:
    """The best plan and bound of one aim so far; values are signed so that more is better."""

    def __init__(
        self, frame: Frame, clock: Clock, options: Options, start: Ints | None,
        known: Known | None = None,
    ) -> None:  # fmt: skip
        self.frame, self.clock, self.options = frame, clock, options
        self.start, self.known = start, known
        self.parts = parts_of(frame)
        self.room = Room(frame)
        self.choice: Ints | None = None
        self.best = -math.inf
        self.bound = math.inf
        self.sown: Ints = np.zeros(0, dtype=np.int64)
        self.infeasible = False
        self.nodes = 0
        self.guarantee = ""
        self.valuer: Valuer | None = None
        self.root: Relaxed | None = None
        self.served: dict[bytes, Answered] = {}
        self.taken: Floats = np.zeros(frame.count) if known is None else known.taken
        self._serve_s = 0.0  # the longest that it took to work out who is served

    def build(self) -> None:
        """Write the coarse program, and look whether choices can be valued quickly."""
        drives = [self.frame.aim, *(reached.aim for reached in self.frame.reached)]
        # Drives have no measure in the coarse program.
        self.coarse = not any(isinstance(aim, Drives) for aim in drives)
        self.large = len(self.frame.energy_pair) * self.frame.sites > LARGE or not self.coarse
        self.master = Master(
            self.frame, self.parts, self.clock, seed=self.options.seed, threads=self.options.threads
        )
        if is_quick(self.frame, self.master.cutter):
            self.valuer = Valuer(self.frame, self.master.cutter)

    # --- what is known -----------------------------------------------------------------------

    @property
    def gap(self) -> float:
        """Relative gap between the best plan and the bound."""
        if not math.isfinite(self.best):
            return math.inf
        over = self.bound - self.best
        if over <= max(ARITHMETIC * abs(self.best), self.noise):
            return 0.0
        return over / max(abs(self.best), 1e-300)

    @property
    def noise(self) -> float:
        """A difference that is arithmetic even where the value is about 0."""
        return NOISE * abs(self.frame.matrix.size)

    @property
    def done(self) -> bool:
        """Whether to go on no further."""
        proven = self.gap <= self.options.gap * (1 + 1e-9) or self.gap <= ARITHMETIC
        return self.clock.over or self.infeasible or proven

    @property
    def enough(self) -> float:
        """Value at which the asked gap is reached; infinite while nothing is proven."""
        gap = self.options.gap
        return self.bound / (1 + gap) if self.bound > 0 else self.bound / max(1 - gap, 1e-9)

    @property
    def proven_at(self) -> float:
        """Bound at which the asked gap is reached; -inf while there is no plan."""
        if not math.isfinite(self.best):
            return -math.inf
        return self.best + self.options.gap * abs(self.best)

    def limit(self, bound: float) -> None:
        """Keep a bound if it is lower."""
        self.bound = min(self.bound, bound)
        self._report()

    def keep(self, choice: Ints, value: float) -> None:
        """Keep a plan if it is worth more, or as much for less."""
        noise = 1e-9 * max(abs(self.best), 1e-300) if math.isfinite(self.best) else 0.0
        better = value > self.best + noise
        as_good = math.isfinite(value) and value >= self.best - noise
        if better or (as_good and self._money(choice) < self._money(self.choice)):
            self.choice, self.best = np.sort(choice), max(value, self.best)
        self._report()

    def _money(self, choice: Ints | None) -> tuple[float, float]:
        if choice is None:
            return (math.inf, math.inf)
        last = self.frame.options.last[choice]
        instance = self.frame.program.instance
        return math.fsum(instance.offer_subsidy[last]), math.fsum(instance.offer_cost[last])

    def _report(self) -> None:
        bound = max(self.bound, self.best)  # a bound below the plan is so by arithmetic only
        self.clock.hear(self.frame.sign * self.best, self.frame.sign * bound)
        self.clock.report()

    def weighed(self, choice: Ints) -> float:
        """Return the value of a choice, -inf if it is no plan; keep it if it is the best."""
        if not self.frame.fits(choice):
            return -math.inf
        if self.valuer is not None:
            value = self.valuer.at(self.frame.by_site(choice)).value
        else:
            served = self.serve(choice)
            if not served.found:
                return -math.inf
            value = self.frame.signed(served.objective)
        self.keep(choice, value)
        return value

    def serve(self, choice: Ints) -> Answered:
        """Return who is served by what under a choice, worked out once."""
        key = np.sort(choice).tobytes()
        if key not in self.served:
            if len(self.served) > 60:
                del self.served[next(iter(self.served))]
            began = self.clock.elapsed_s
            # A first plan is worked out whatever the clock says.
            clock = self.clock if self.begun else Clock(math.inf)
            self.served[key] = self.frame.serve(np.sort(choice), clock, self.options.threads)
            # In slices it was worked out in pieces side by side; the answer is one piece.
            beside = self.options.threads if len(self.frame.program.slices) > 1 else 1
            self._serve_s = max(self._serve_s, beside * (self.clock.elapsed_s - began))
        return self.served[key]

    # --- plans to start from ---------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether there is a plan that builds something."""
        return self.choice is not None and len(np.setdiff1d(self.choice, self.frame.kept)) > 0

    @property
    def _whole_s(self) -> float:
        """The whole time limit."""
        passed, share = self.clock.elapsed_s, self.clock.share
        return max(passed / share if share > 0 else self.clock.left_s, 1e-9)

    def _until(self, share: float) -> float:
        """Return the share of the whole time limit at which a share of what is left is over.

        Never later than what leaves time for the answer.
        """
        share_s = share * self.clock.left_s
        return min(self._ends, (self.clock.elapsed_s + share_s) / self._whole_s)

    @property
    def _ends(self) -> float:
        """Share of the whole time limit by which to end: who is served is worked out after it."""
        return max(min(ENDS, 1 - SERVED_AFTER * self._serve_s / self._whole_s), 0.5)

    def _start(self) -> None:
        valuer = self.valuer
        for choice in () if self.known is None else self.known.choices:
            if not self.done:
                self._take(choice)
        if self.start is not None:
            self._mended(self.start)
        if self.choice is not None:
            # Stations that stand well for all energy may stand badly where nearer counts for more.
            if valuer is None and self.coarse and self.frame.service.near:
                self._sow()
            return
        if valuer is None or self.large:
            self.weighed(self.frame.kept)
            if self.coarse and self._by_year:
                self._sow_at_prices()
            elif self.coarse:
                self._sow()
            return
        self._sow()
        begun = self.frame.by_site(self.frame.kept if self.choice is None else self.choice)
        self._keep_state(fill(valuer, valuer.at(begun), self.clock))

    def _take(self, choice: Ints) -> None:
        """Weigh a choice; under a viability gap what lacks money is made smaller or goes."""
        value = self.weighed(choice)
        if self.frame.program.gap is not None and not math.isfinite(value):
            mended = viable(self.frame, choice, self.clock)
            if mended is not None:
                self.weighed(mended)

    def _sow(self) -> None:
        """Take a plan of stations by what they could sell; the cheapest that will do, if asked."""
        sower = Sower(self.master.cutter, self.room)
        choice = sower.run(self.clock)
        self.sown = choice
        value = self.weighed(choice)
        if not math.isfinite(value):
            self._begin_small(sower)
        if not isinstance(self.frame.aim, LeastMoney) or not math.isfinite(value):
            return
        money = sower.money_of()
        low, high = 0.0, float(money[choice].sum())
        for _ in range(SOWN):
            if self.done:
                return
            most = (low + high) / 2
            choice = Sower(self.master.cutter, self.room, most).run(self.clock)
            if math.isfinite(self.weighed(choice)):
                high = min(most, float(money[choice].sum()))
            else:
                low = most

    def _begin_small(self, sower: Sower) -> None:
        """Take of what was sown, and is no plan, what is one: all that lives, or one station.

        Where one station lives beside others it lives alone too.
        """
        if self.frame.program.gap is not None:
            choice = viable(self.frame, self.sown, self.clock, hurried=True)
            if choice is not None:
                self.weighed(choice)
        if not self.begun and sower.first >= 0:
            alone = self.frame.by_site(self.frame.kept)
            alone[self.frame.site[sower.first]] = sower.first
            self.weighed(alone[alone >= 0])

    def _sow_at_prices(self) -> None:
        """Sow at the prices of the first cuts: without them money goes to the wrong years."""
        relaxed, bound = self.master.tighten(PRICE_ROUNDS, 0.0)
        self.infeasible = bound == -math.inf
        self.limit(bound)
        if relaxed is not None and not self.infeasible:
            self._sow_again(relaxed.taken, ())
        if not len(self.sown) and not self.done:  # nothing is scarce
            self._sow()

    @property
    def _priced(self) -> bool:
        """Whether a relaxation's prices say what each option takes of all that is scarce."""
        aim = self.frame.aim
        return self.frame.program.gap is None and isinstance(aim, MostWorth | NetWorth)

    @property
    def _by_year(self) -> bool:
        """Whether money has a price in each of several years."""
        return self._priced and self.frame.program.year_plan is not None

    def _sow_again(self, taken: Floats, shares: tuple[float, ...] = ROUND_FROM) -> None:
        """Sow at the prices of the master's last optimum, and from what it takes."""
        scarce = self.master.scarce() if self._priced else None
        if scarce is not None and not scarce.any():
            scarce = None
        # What is taken in part is no plan yet: prices alone often lead to a better one.
        for least in shares if scarce is None else (math.inf, *shares):
            if self.done:
                return
            sower = Sower(self.master.cutter, self.room, scarce=scarce)
            self.sown = sower.run(self.clock, np.where(taken >= least, taken, 0.0))
            self.weighed(self.sown)

    def _keep_state(self, state: State) -> None:
        if self.valuer is not None and self.valuer.allowed(state.choice):
            self.keep(state.choice[state.choice >= 0], state.value)

    def _mended(self, start: Ints) -> None:
        """Take an earlier plan, without what does not fit here, last options first."""
        choice = self.room.taking(self.frame.nothing, start.tolist())
        if self.valuer is not None:
            base = self.frame.by_site(self.frame.kept)
            choice = np.where(choice >= 0, choice, base)
            state = self.valuer.at(choice)
            self._keep_state(state)
            self._keep_state(fill(self.valuer, state, self.clock))
        else:
            self.weighed(choice[choice >= 0])

    def _round(self, taken: Floats) -> float:
        """Make plans of a relaxation; return the best value so far."""
        valuer = self.valuer
        if valuer is None:
            self._round_plainly(taken)
            self._sow_again(taken, ROUND_LARGE if self.frame.drawn_by_year else ROUND_FROM)
            return self.best
        if self._by_year:
            self._sow_again(taken, ())
        starts = []
        if self.choice is not None:
            starts.append(valuer.at(self.frame.by_site(self.choice)))
        for least in ROUND_FROM:
            if self.clock.over:
                break
            starts.append(round_relaxed(valuer, taken, least, self.clock))
            self._keep_state(starts[-1])
        starts.sort(key=lambda state: -state.value)
        tried: list[bytes] = []
        for state in starts:
            if self.done or len(tried) == STARTS:
                break
            if state.choice.tobytes() not in tried:
                tried.append(state.choice.tobytes())
                self._improve(state)
        return self.best

    def _improve(self, state: State) -> None:
        assert self.valuer is not None
        self._keep_state(state)
        self._keep_state(exchange(self.valuer, state, self.clock, enough=self.enough))

    def _round_plainly(self, taken: Floats) -> None:
        """Take options by their relaxed values while they fit."""
        order = np.argsort(-taken, kind="stable")
        order = order[taken[order] >= 0.25]
        choice = self.room.taking(self.frame.nothing, order.tolist())
        self.weighed(choice[choice >= 0])
