"""One aim from start to answer: a plan, a bound, and turns of what betters either.

1. A start: an earlier plan, or options by worth per rupee where that can be valued quickly.
2. The root: the coarse program under cuts, or the whole program's relaxation where that is large;
   plans by rounding and by diving.
3. Turns until the gap is proven: windows better the plan; integer programs on the coarse program
   and a tree with cuts in its nodes better the bound. Which helps more gets the next turn. Turns
   are counted in windows and nodes, not in seconds, so that a run repeats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.greedy import best_single, guarantee
from siting.engine.linear import Answered
from siting.engine.master import Master, Relaxed
from siting.engine.parts import parts_of
from siting.engine.proof import ARITHMETIC, Stopped
from siting.engine.relax import Relaxation, solve_native
from siting.engine.result import Result
from siting.engine.room import Room
from siting.engine.search import exchange, fill, polish, round_relaxed
from siting.engine.sow import Sower
from siting.engine.tree import Tree
from siting.engine.valuer import State, Valuer, is_quick
from siting.engine.windows import Windows
from siting.errors import Fault, SolveError
from siting.program.aims import ShortestDrives
from siting.program.instance import Floats, Ints

# Pairs, over all slices, times sites from which a dive comes before filling and exchanging.
LARGE = 200_000_000
# Options of a relaxation at or above these are taken when it is rounded, before filling up.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
STARTS = 3
ROOT_ROUNDS, ROOT_STALLED = 200, 2e-5
# The coarse program is solved to this share of the gap asked, with so many nodes at first.
PROGRAM_GAP, FIRST_NODES, MOST_NODES = 0.6, 100, 30_000
# Plans in a row that the cuts think better than they are, after which the tree takes over.
MISJUDGED = 2
TREE_NODES, WINDOW_ROUNDS = 40, 6
STALLED = 1e-5
NOISE = 1e-8
# A program of so few columns goes whole to HiGHS first, with so many nodes; of so few, last.
WHOLE_FIRST, WHOLE_NODES, WHOLE_LAST = 2_500, 2_000, 150_000
# Shares of the time by which phases end; what is left is for the answer itself.
START_ENDS, ROOT_ENDS, ENDS = 0.2, 0.5, 0.97


@dataclass(frozen=True)
class Options:
    """How an aim is solved: gap, threads, seed, and whether to stop after a good plan."""

    gap: float
    threads: int
    seed: int
    greedy: bool = False


class Run:
    """The best plan and bound of one aim so far; values are signed so that more is better.

    Parameters
    ----------
    frame
        The program and its aim.
    clock
        Deadline, interruption and progress.
    options
        How it is solved.
    start
        A choice to begin with, mended where it does not fit.
    """

    def __init__(self, frame: Frame, clock: Clock, options: Options, start: Ints | None) -> None:
        self.frame, self.clock, self.options = frame, clock, options
        self.start = start
        self.parts = parts_of(frame)
        self.room = Room(frame)
        self.choice: Ints | None = None
        self.best = -math.inf
        self.bound = math.inf
        self.infeasible = False
        self.nodes = 0
        self.guarantee = ""
        self.valuer: Valuer | None = None
        self.root: Relaxed | None = None
        self.served: dict[bytes, Answered] = {}
        self.taken: Floats = np.zeros(frame.count)

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

    def offer(self, choice: Ints, value: float) -> None:
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
        self.clock.hear(self.frame.sign * self.best, self.frame.sign * self.bound)
        self.clock.report()

    def value(self, choice: Ints) -> float:
        """Return the value of a choice, -inf if it is no plan; keep it if it is the best."""
        if not self.frame.fits(choice):
            return -math.inf
        if self.valuer is not None:
            value = self.valuer.at(self.valuer.by_site(choice)).value
        else:
            served = self.serve(choice)
            if not served.found:
                return -math.inf
            value = self._signed(served.objective)
        self.offer(choice, value)
        return value

    def _signed(self, cost: float) -> float:
        m = self.frame.matrix
        return self.frame.sign * m.offset + abs(m.size) * cost

    def serve(self, choice: Ints) -> Answered:
        """Return who is served by what under a choice, worked out once."""
        key = np.sort(choice).tobytes()
        if key not in self.served:
            if len(self.served) > 60:
                del self.served[next(iter(self.served))]
            self.served[key] = self.frame.serve(np.sort(choice), self.clock)
        return self.served[key]

    # --- phases ------------------------------------------------------------------------------

    def work(self) -> None:
        """Run the phases until the asked gap is proven or time is up."""
        clock = self.clock
        drives = [self.frame.aim, *(reached.aim for reached in self.frame.reached)]
        # Drives have no measure in the coarse program.
        self.coarse = not any(isinstance(aim, ShortestDrives) for aim in drives)
        self.large = len(self.frame.energy_pair) * self.frame.sites > LARGE or not self.coarse
        with clock.phase("build"):
            self.master = Master(self.frame, self.parts, clock, seed=self.options.seed)
            if is_quick(self.frame, self.master.cutter):
                self.valuer = Valuer(self.frame, self.master.cutter)
        if not self.frame.count:  # there is nothing to choose
            self.value(np.zeros(0, dtype=np.int64))
            self.infeasible = self.choice is None
            self.limit(self.best)
            return
        with clock.phase("start", self._until(START_ENDS)):
            self._start()
        if self.options.greedy:
            self._greedily()
            return
        if self.frame.matrix.a.shape[1] <= WHOLE_FIRST and not self.done:
            self._whole(WHOLE_NODES)
        if not self.done and self.coarse:
            self._root()
        if not self.done and (self.choice is None or not self.coarse):
            self._relax()
        if not self.done:
            self._turns()
        if not self.done and self.frame.matrix.a.shape[1] <= WHOLE_LAST:
            self._whole(None)

    def _until(self, share: float) -> float:
        """Return the share of the whole time limit at which a share of this aim's is over."""
        left, passed = self.clock.left_s, self.clock.elapsed_s
        whole = passed / self.clock.share if self.clock.share > 0 else left
        return min(1.0, (passed + share * left) / max(whole, 1e-9))

    def _start(self) -> None:
        valuer = self.valuer
        if self.start is not None:
            self._mended(self.start)
        if self.choice is not None:
            return
        if valuer is None or self.large:
            existing = self.frame.program.instance.offer_existing
            kept = existing[self.frame.options.offer].all(axis=1)
            self.value(np.flatnonzero(kept))
            if self.coarse:
                self.value(Sower(self.master.cutter, self.room).run(self.clock))
            return
        base = valuer.at(valuer.base())
        self._keep(fill(valuer, base, self.clock))
        if valuer.room.limited and not self.clock.over:
            self._keep(fill(valuer, base, self.clock, price=valuer.subsidy))

    def _keep(self, state: State) -> None:
        if self.valuer is not None and self.valuer.allowed(state.choice):
            self.offer(state.choice[state.choice >= 0], state.value)

    def _mended(self, start: Ints) -> None:
        """Take an earlier plan, without what does not fit here, last options first."""
        choice = np.full(self.frame.sites, -1, dtype=np.int64)
        for option in start.tolist():
            if self.room.fits(choice)[option]:
                choice[self.frame.site[option]] = option
        if self.valuer is not None:
            base = self.valuer.base()
            choice = np.where(choice >= 0, choice, base)
            state = self.valuer.at(choice)
            self._keep(state)
            self._keep(fill(self.valuer, state, self.clock))
        else:
            self.value(choice[choice >= 0])

    def _greedily(self) -> None:
        """Take the relaxation's bound and what rounding it gives; no more."""
        valuer = self.valuer
        if valuer is not None:
            words = guarantee(valuer)
            if words and self.choice is not None:
                state = valuer.at(valuer.by_site(self.choice))
                self._keep(best_single(valuer, state, self.clock))
            self.guarantee = "" if self.clock.over else words
        if not self.done:
            with self.clock.phase("cuts", self._until(ROOT_ENDS)):
                self.root, low = self.master.tighten(ROOT_ROUNDS, ROOT_STALLED, self.proven_at)
                self.limit(low)
        if self.done or self.root is None:
            return
        if valuer is None:
            self._relax()
            return
        with self.clock.phase("start"):
            for least in ROUND_FROM:
                if not self.done:
                    self._keep(round_relaxed(valuer, self.root.taken, least, self.clock))

    def _relax(self) -> None:
        """Bound by the whole relaxation, and dive into it."""
        with self.clock.phase("relaxation", self._until(0.6)):
            relaxation = Relaxation(self.frame, self.clock, seed=self.options.seed)
            bound = relaxation.solve()
            self.infeasible = bound == -math.inf
            self.limit(bound)
            if self.done or relaxation.found is None or not relaxation.found.optimal:
                return
            self.taken = relaxation.taken
            choice = relaxation.dive(self.room)
            if choice is not None:
                self.value(choice)

    def _root(self) -> None:
        """Bound by cuts, and make plans of what they leave."""
        if self.choice is not None:
            self.master.begin_at(self.choice)
        with self.clock.phase("cuts", self._until(ROOT_ENDS)):
            self.root, low = self.master.tighten(ROOT_ROUNDS, ROOT_STALLED, self.proven_at)
            self.infeasible = low == -math.inf
            self.limit(low)
        if self.root is None or self.done:
            return
        self.taken = self.root.taken
        if not self.large:
            with self.clock.phase("rounding", self._until(0.3)):
                self._round(self.root.taken)

    def _round(self, taken: Floats) -> float:
        """Make plans of a relaxation; return the best value so far."""
        valuer = self.valuer
        if valuer is None:
            self._round_plainly(taken)
            return self.best
        starts = []
        if self.choice is not None:
            starts.append(valuer.at(valuer.by_site(self.choice)))
        for least in ROUND_FROM:
            if self.clock.over:
                break
            starts.append(round_relaxed(valuer, taken, least, self.clock))
            self._keep(starts[-1])
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
        self._keep(state)
        self._keep(exchange(self.valuer, state, self.clock, enough=self.enough))

    def _round_plainly(self, taken: Floats) -> None:
        """Take options by their relaxed values while they fit."""
        choice = np.full(self.frame.sites, -1, dtype=np.int64)
        order = np.argsort(-taken, kind="stable")
        fits = self.room.fits(choice)
        for option in order[taken[order] >= 0.25].tolist():
            j = self.frame.site[option]
            if choice[j] < 0 and fits[option]:
                choice[j] = option
                fits = self.room.fits(choice)
        self.value(choice[choice >= 0])

    def _whole(self, nodes: int | None) -> None:
        """Let HiGHS have the whole program, from the best plan so far."""
        options = self.options
        start = self.choice
        while True:
            with self.clock.phase("whole", ENDS):
                found = solve_native(
                    self.frame, self.clock, start, gap=options.gap, threads=options.threads,
                    seed=options.seed, nodes=2**31 - 1 if nodes is None else nodes,
                )  # fmt: skip
            self.nodes += found.nodes
            if found.infeasible:
                self.infeasible = self.choice is None
                return
            self.limit(self._signed(found.bound))
            if not found.found:
                return
            value = self.value(np.flatnonzero(found.point[: self.frame.count] > 0.5))
            believed = self._signed(found.objective)
            if start is None or value >= believed - max(1e-6 * abs(believed), self.noise):
                return
            # HiGHS 1.16 may take a start through its presolve for a better plan than there is, and
            # then looks for nothing worse than what it believes to have. The bound is true.
            start = None

    # --- turns -------------------------------------------------------------------------------

    def _turns(self) -> None:
        """Better plan and bound in turns."""
        self._programs()
        if self.done:
            return
        windows = self._windows()
        tree = self._tree() if self.coarse else None
        tree_nodes, rounds = TREE_NODES, WINDOW_ROUNDS
        while not self.done:
            before = self.gap
            if windows is not None and not windows.exhausted:
                self._turn_of_windows(windows, rounds)
            if self.done:
                return
            if tree is None:
                if windows is None or windows.exhausted:
                    return
                continue
            with self.clock.phase("tree", ENDS):
                nodes = tree.nodes
                self.limit(tree.run(self.best, tree_nodes))
                self.nodes += tree.nodes - nodes
            if windows is None:
                windows = self._windows()
            if tree.finished:
                self.infeasible = not math.isfinite(self.best)
                return
            if windows is None or windows.exhausted or self.gap > 0.9 * before:
                tree_nodes = min(tree_nodes * 2, 5_000)

    def _programs(self) -> None:
        """Solve the coarse program in integers, with cuts at what it finds, while that helps."""
        options, root = self.options, self.root
        if root is None or self.valuer is None or options.gap <= ARITHMETIC:
            return
        nodes, wrong, idle = FIRST_NODES, 0, 0
        with self.clock.phase("programs", self._until(0.4)):
            while not self.done and nodes <= MOST_NODES and wrong < MISJUDGED and idle < 2:
                before = self.bound - self.best
                interest = self.best + PROGRAM_GAP * options.gap * abs(self.best)
                hopeless, closed = root.hopeless(interest)
                bound, objective, choice = self.master.program(
                    ~hopeless, self.choice, gap=PROGRAM_GAP * options.gap, nodes=nodes,
                    threads=options.threads, seed=options.seed,
                )  # fmt: skip
                self.limit(max(bound, closed))
                if choice is None:
                    return
                value = self.value(choice)
                misjudged = objective - value > max(bound, closed) - objective
                wrong = wrong + 1 if misjudged else 0
                taken = np.zeros(self.frame.count)
                taken[choice] = 1.0
                self.master.add(self.master.cutter.quick(taken))
                state = self.valuer.at(self.valuer.by_site(choice))
                self._improve(fill(self.valuer, state, self.clock))
                left = self.bound - self.best
                idle = idle + 1 if left > 0.95 * before else 0
                if left > before - STALLED * abs(self.bound):
                    nodes *= 4

    def _windows(self) -> Windows | None:
        """Return windows on the best plan; None where there is no plan yet."""
        if self.choice is None:
            return None
        served = self.serve(self.choice)
        if not served.found:
            return None
        return Windows(
            self.frame, served.point, self.taken, self.clock,
            threads=self.options.threads, seed=self.options.seed,
        )  # fmt: skip

    def _turn_of_windows(self, windows: Windows, rounds: int) -> None:
        with self.clock.phase("windows", ENDS):
            if self.choice is not None and self._signed(windows.value) < self.best - 1e-7 * abs(
                self.best
            ):
                served = self.serve(self.choice)
                if served.found:
                    windows.start(served.point)
            for _ in range(rounds):
                if self.done or windows.exhausted:
                    return
                gained = windows.round()
                if gained > 0:
                    self.value(windows.choice)

    def _tree(self) -> Tree:
        self.master.forget_money()
        return Tree(
            self.master, self.clock, gap=self.options.gap,
            plan=self._plan_at_node, value=self.value, tell=self.limit,
        )  # fmt: skip

    def _plan_at_node(self, taken: Floats) -> float:
        if self.valuer is None:
            self._round_plainly(taken)
            return self.best
        for least in (1 - 1e-6, 0.5):
            if not self.clock.over:
                state = round_relaxed(self.valuer, taken, least, self.clock)
                if state.value > self.best - 0.01 * abs(self.best):
                    self._improve(state)
        return self.best

    # --- the end -----------------------------------------------------------------------------

    def result(self) -> Result:
        """Return the best plan, polished, with its bound.

        Raises
        ------
        SolveError
            If no plan was found in the time given.
        """
        if self.choice is None:
            why = "interrupted" if self.clock.interrupted else "no plan found in the time given"
            raise SolveError(Fault("solver", why, "give it more time, or ask for less"))
        if self.valuer is not None:
            state = polish(self.valuer, self.valuer.at(self.valuer.by_site(self.choice)))
            if self.valuer.allowed(state.choice):
                self.choice, self.best = np.sort(state.choice[state.choice >= 0]), state.value
        stopped: Stopped = "time limit"
        if self.clock.interrupted:
            stopped = "interrupted"
        elif self.options.greedy and not self.clock.over:
            stopped = "greedy ended"
        elif not self.clock.over:
            stopped = "solver stopped"
        sign = self.frame.sign
        return Result(
            choice=self.choice,
            value=sign * self.best,
            bound=sign * max(self.bound, self.best),
            stopped=stopped,
            nodes=self.nodes,
            guarantee=self.guarantee,
            noise=self.noise,
        )
