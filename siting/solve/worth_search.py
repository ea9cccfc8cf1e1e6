"""Plans and bounds where the drive counts, from prices on demand and knapsacks at sites.

First prices are bettered by subgradient steps (`siting.solve.worth`); every step gives a bound and
a cut on the offers alone. Then the program of the best cuts is solved in integers, its optimum is
served by a linear program, and the prices of that program give a cut that is equal to the worth
there. Plans are exchanged in between, valued by the linear program, with cuts to say what is worth
a try.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.engine.proof import ARITHMETIC
from siting.errors import InfeasibleError, SolveError
from siting.models.program import add_row, start_program
from siting.models.rows import Rows
from siting.program.instance import Floats, Instance, Ints
from siting.solve.repair import first_choice
from siting.solve.service import Flow
from siting.solve.valuer import Cut, State, Valuer
from siting.solve.worth import Knapsacks

# Prices begin at the best of these shares of the most a kilowatt-hour can be worth to its row.
FIRST = (0.0, 0.2, 0.4, 0.6, 0.8)
# The steps aim at so much less than the bound, which shrinks after so many that did not better it.
AIM, LEAST_AIM, SHRINK, PATIENCE, STEPS = 0.05, 5e-4, 0.6, 5, 200
BETTER = 1e-4
# Changes of two sites that are tried in a row.
TRIES = 25
# Share of the time by which the prices are done; cuts of the last ones kept for the program.
PRICED_BY, KEPT, POOL = 0.45, 30, 10
ROUNDS, GAP, FEWEST_NODES = 300, 0.5, 30


class WorthValuer(Valuer):
    """Worth of the choices of one instance, by linear programs, and what single changes could be.

    Parameters
    ----------
    instance, rows
        The data of the program.
    """

    def __init__(self, instance: Instance, rows: Rows) -> None:
        super().__init__(instance, rows.demand, capacitated=True)
        self.rows = rows
        self.knapsacks = Knapsacks(instance, rows, self.option_offer)
        self.prices = np.zeros(len(rows.demand.kwh))
        self.pool: list[Cut] = []
        self._known: dict[bytes, tuple[float, Floats]] = {}
        best = np.maximum.reduceat(rows.worth, rows.demand.start[:-1])
        self.top = best
        self.noise = 1e-9 * max(float(best @ rows.demand.kwh), 1e-9)
        self.cuts = [[]]

    def served(self, choice: Ints) -> tuple[float, Floats]:
        """Return the worth of a choice, and the price of a kilowatt-hour of each row there."""
        key = choice.astype(np.int32).tobytes()
        if key not in self._known:
            self._known[key] = self._served(choice)
        return self._known[key]

    def value(self, choice: Ints) -> float:
        """Return the worth of a choice."""
        return self.served(choice)[0]

    def at(self, choice: Ints) -> State:
        """Return the worth of a choice, and what single changes of it could be worth."""
        value, prices = self.served(choice)
        cut, _ = self.knapsacks.fill(prices)
        upper = self.change_bound(choice, [cut, *self.pool])
        return State(choice, value, upper, (value,))

    def _served(self, choice: Ints) -> tuple[float, Floats]:
        demand, offers = self.demand, self.offers_of(choice)
        capacity = np.zeros((len(self.sites), self.instance.offer_capacity.shape[1]))
        capacity[self.instance.offer_site[offers]] = self.instance.offer_capacity[offers]
        able = np.stack([(capacity[:, list(g)] > 0).any(axis=1) for g in demand.kinds], axis=1)
        keep = np.flatnonzero(able[demand.site, demand.kind[demand.row]])
        row, site = demand.row[keep], demand.site[keep]
        flow = Flow(demand.kwh, demand.kind, demand.kinds, row, site, capacity)
        worth, prices, clock = self.rows.worth[keep], np.zeros(len(demand.kwh)), Clock(math.inf)
        value = 0.0
        for part in flow.parts():
            value += float(part.best(clock, worth[part.pairs]) @ worth[part.pairs])
            rows, own = part.prices()
            prices[rows] = own
        return value, prices


class _Master:
    """The program of the cuts so far."""

    def __init__(self, valuer: WorthValuer, clock: Clock, options: dict[str, Any]) -> None:
        self._valuer, self._clock, self._options = valuer, clock, options
        instance, self.offer = valuer.instance, valuer.offers
        option = np.zeros(len(instance.offer_ids), dtype=np.int64)
        at = np.nonzero(valuer.option_offer >= 0)
        option[valuer.option_offer[at]] = at[1]
        self.where = (instance.offer_site[self.offer], option[self.offer])
        self.prob, self._z = start_program("worth", instance, self.offer)
        self._unit = max(float(valuer.top @ valuer.demand.kwh), 1e-9)
        self._t = self.prob.add_variable("t", 0, 1)
        self._count = 0

    def add(self, cut: Cut) -> None:
        """Add a cut, in units of all there could be."""
        coefficient = cut.coefficient[self.where] / self._unit
        there = np.flatnonzero(coefficient > 0).tolist()
        terms = [(self._t, 1.0), *((self._z[n], -float(coefficient[n])) for n in there)]
        add_row(self.prob, terms, cut.constant / self._unit, f"cut_{self._count}")
        self._count += 1

    def most(self, cut: Cut) -> tuple[float, Floats | None]:
        """Return the relaxed bound of one cut alone, and how much of each option it takes."""
        coefficient = (cut.coefficient[self.where] / self._unit).tolist()
        terms = [(z, c) for z, c in zip(self._z, coefficient, strict=True) if c > 0]
        self.prob.setObjective(pulp.lpSum_vars_coefs([*terms, (self._t, 0.0)]))
        run = run_highs(self.prob, self._clock, relaxed=True, **self._options)
        if run.status != pulp.LpSolveStatus.Optimal:
            return math.inf, None
        taken = np.zeros(self._valuer.option_offer.shape)
        taken[self.where] = np.clip([v.varValue or 0.0 for v in self._z], 0.0, 1.0)
        return cut.constant + run.objective * self._unit, taken

    def solve(self, gap: float, nodes: int) -> tuple[float, Ints | None]:
        """Return a bound on any choice, and the best choice under the cuts so far."""
        self.prob.setObjective(pulp.lpSum_vars_coefs([(self._t, 1.0)]))
        run = run_highs(self.prob, self._clock, gap=gap, mip_max_nodes=nodes, **self._options)
        if not run.found:
            return run.bound * self._unit, None
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in self._z])
        return run.bound * self._unit, self._valuer.choice_of(self.offer[taken])


def worth_starts(
    instance: Instance, rows: Rows, clock: Clock, gap: float, **options: Any
) -> Iterator[Ints | float]:
    """Yield plans of the most worth, and bounds on it.

    Parameters
    ----------
    instance, rows
        The data of the program.
    clock
        Stops the search early.
    gap
        Relative gap between plan and bound that is asked for.
    options
        Threads and seed of HiGHS.
    """
    if not len(rows.demand.kwh):
        return
    valuer = WorthValuer(instance, rows)
    if not (valuer.valid.sum(axis=1) > 1).any():
        return
    try:
        valuer.base = first_choice(valuer, clock, **options)
        yield from _work(valuer, clock, gap, options)
    except (InfeasibleError, SolveError):
        return  # told by whoever asks for the reason


def _work(
    valuer: WorthValuer, clock: Clock, gap: float, options: dict[str, Any]
) -> Iterator[Ints | float]:
    master = _Master(valuer, clock, options)
    whole = clock.elapsed_s + clock.left_s
    share = 1.0
    if math.isfinite(whole):
        share = (clock.elapsed_s + PRICED_BY * clock.left_s) / whole
    with clock.phase("prices", share):
        cuts, bound, taken = _prices(valuer, master, clock, gap)
    yield bound
    if taken is None:
        return
    for cut in cuts:
        master.add(cut)
    best: Ints | None = None
    value = -math.inf
    if gap <= ARITHMETIC:
        yield valuer.offers_of(_rounded(valuer, taken))
        return
    choice: Ints | None = _rounded(valuer, taken)
    nodes, tried = FEWEST_NODES, set[bytes]()
    stuck: Ints | None = None
    for _ in range(ROUNDS):
        assert choice is not None
        worth, prices = valuer.served(choice)
        own, _ = valuer.knapsacks.fill(prices)
        mixed, _ = valuer.knapsacks.fill((prices + valuer.prices) / 2)
        for cut in (own, mixed):
            master.add(cut)
        valuer.pool = [*valuer.pool, own][-POOL:]
        if worth > value:
            best, value = choice, worth
            yield valuer.offers_of(choice)
        if choice.tobytes() in tried:
            nodes *= 3
        found = None if best is None or best is stuck else _swapped(valuer, best, clock)
        stuck = best
        if found is not None:
            best, value = found, valuer.value(found)
            yield valuer.offers_of(found)
        tried.add(choice.tobytes())
        if clock.over or bound - value <= gap * value:
            return
        limit, choice = master.solve(GAP * gap, nodes)
        if limit < bound:
            bound = limit
            yield bound
        if choice is None:
            return


def _swapped(valuer: WorthValuer, choice: Ints, clock: Clock) -> Ints | None:
    """Return a choice of more worth after changing one or two sites at a time; None if none is.

    The cuts so far say which pairs of changes are worth a try; every try adds a cut of its own.
    """
    before = valuer.value(choice)
    cuts, best, value = list(valuer.pool), None, before
    for _ in range(TRIES):
        if clock.over:
            break
        base = choice if best is None else best
        there = base[:, None]
        saved = valuer.subsidy[valuer.sites, base][:, None] - valuer.subsidy
        down = np.argwhere(valuer.valid & (saved >= 0) & ((base > 0)[:, None]))
        room = valuer.instance.budget_pkr - valuer.spent(base) + saved[down[:, 0], down[:, 1]]
        upper = np.full((len(down), *valuer.valid.shape), np.inf)
        for cut in cuts:
            change = cut.coefficient - np.take_along_axis(cut.coefficient, there, axis=1)
            pair = change[down[:, 0], down[:, 1]][:, None, None] + change
            np.minimum(upper, cut.at(base) + pair, out=upper)
        allowed = valuer.valid & (-saved <= room[:, None, None])
        allowed[np.arange(len(down)), down[:, 0]] = False
        upper[~allowed] = -np.inf
        changed = base
        while upper.size:
            at = int(upper.argmax())
            if upper.flat[at] <= value + valuer.noise:
                return best
            d, j, option = (int(n) for n in np.unravel_index(at, upper.shape))
            upper.flat[at] = -np.inf
            changed = base.copy()
            changed[down[d, 0]], changed[j] = down[d, 1], option
            if valuer.affordable(changed):
                break
        else:
            return best
        worth, prices = valuer.served(changed)
        cuts.append(valuer.knapsacks.fill(prices)[0])
        if worth > value + valuer.noise:
            best, value = changed, worth
            valuer.pool = [*valuer.pool, cuts[-1]][-POOL:]
    return best


def _rounded(valuer: WorthValuer, taken: Floats) -> Ints:
    """Return the choice that takes options by their relaxed values, while they fit."""
    choice = valuer.base.copy()
    fits = valuer.room.fits(choice)
    for flat in np.argsort(-taken, axis=None, kind="stable").tolist():
        j, option = divmod(flat, taken.shape[1])
        if taken[j, option] <= 0:
            break
        if option and choice[j] == valuer.base[j] and valuer.valid[j, option] and fits[j, option]:
            choice[j] = option
            fits = valuer.room.fits(choice)
    return choice


def _prices(
    valuer: WorthValuer, master: _Master, clock: Clock, gap: float
) -> tuple[list[Cut], float, Floats | None]:
    """Return cuts of good prices, the bound of the best, and what its relaxation takes on mean."""
    kwh, sacks = valuer.demand.kwh, valuer.knapsacks
    bound, prices, mean = math.inf, np.zeros(len(kwh)), None
    kept: list[tuple[float, Cut]] = []

    def tried(at: Floats) -> tuple[float, Floats | None]:
        cut, _ = sacks.fill(at)
        value, taken = master.most(cut)
        if math.isfinite(value):
            kept.append((value, cut))
        return value, taken

    for first in FIRST:
        value, taken = tried(first * valuer.top)
        if value < bound:
            bound, prices, mean = value, first * valuer.top, taken
    aim, stalled, now, best = AIM, 0, prices, prices
    for _ in range(STEPS):
        if clock.over or aim < LEAST_AIM:
            break
        value, taken = tried(now)
        if taken is None:
            break
        stalled += 1
        if value < bound * (1 - BETTER):
            stalled = 0
        if value < bound:
            bound, best = value, now
        mean = taken if mean is None else 0.85 * mean + 0.15 * taken
        _, served = sacks.fill(now, taken)
        if stalled >= PATIENCE:
            aim, stalled = aim * SHRINK, 0
        slope = kwh - served
        size = float((slope * slope / kwh).sum())
        if size <= 1e-12:
            break
        step = (value - bound * (1 - aim)) / size
        now = np.maximum(now - step * slope / kwh, 0.0)
    valuer.prices = best
    kept.sort(key=lambda pair: pair[0])
    valuer.pool = [cut for _, cut in kept[:3]]
    return [cut for _, cut in kept[:KEPT]], bound, mean
