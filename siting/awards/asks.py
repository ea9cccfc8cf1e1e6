"""The critical ask of each bid: the most public money for which it could ask and still win.

Let ``B`` be the budget, and let ``W`` be the worth and ``M`` the public money of the best plan
without the bid. A bid wins if some plan with the bid is worth more than ``W``. The bid also wins if
a plan with the bid is worth ``W`` and draws at most ``M``. The critical ask is the larger of two
maxima, each over all asks ``a`` and all plans ``P`` with the bid::

    max a:  a + others of P  <=  B,   worth of P  >  W
    max a:  a + others of P  <=  min(B, M),   worth of P  >=  W

"Others" is the public money that the other bids of the plan draw. Yearly budgets and caps limit the
sum in the same way as ``B``. Each maximum is an integer program (`siting.engine.pool`) in which the
ask is a variable. The cuts are valid at any ask, so all bids share them. The bound of the program
is an upper limit on the critical ask. Every plan that meets the conditions gives a lower limit.

Source: R. B. Myerson: Optimal auction design. Mathematics of Operations Research 6 (1981), 58-73 (a
bidder who is paid the critical ask gains nothing by asking for more than he needs).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.fixed import Standing, choice_of, plan_of
from siting.engine.pool import Condition, Found, Pool, Query
from siting.program.instance import Flags, Floats, Ints
from siting.program.program import Program
from siting.program.resources import ResourceRows, Resources

# Differences in worth below this share are ignored, as solvers cannot detect them reliably.
SAME = 1e-5
# Rounding may reduce the computed worth of a plan by up to this share.
EXACT = 1e-9
# The search for the best plan has three steps, which may use these shares of the time left.
SOON, FIRST, SECOND = 0.2, 0.6, 0.6
# A difference below this share of the total worth is a rounding error.
NOTHING = 1e-7


@dataclass(frozen=True)
class Bid:
    """A bid: its offers, and the public money that it asks for."""

    bid: str  # name
    offers: tuple[str, ...]  # ids of the bid's offers, which win together
    ask_pkr: float  # requested public money (PKR)
    shares: tuple[float, ...]  # each offer's share of the ask
    most_pkr: float  # reserve price: the maximum ask (PKR)


@dataclass(frozen=True)
class Ask:
    """Limits on the highest ask with which a bid wins (PKR); below 0 if no ask would win."""

    low_pkr: float
    high_pkr: float

    @property
    def proven(self) -> bool:
        """Whether the critical ask is known to the rupee."""
        return self.high_pkr - self.low_pkr < 1

    def at_most(self, pkr: float) -> Ask:
        """Return the limits, with the upper one lowered to `pkr`, but not below the lower one."""
        return replace(self, high_pkr=max(min(self.high_pkr, pkr), self.low_pkr))


NO_ASK = Ask(-1.0, -1.0)


@dataclass(frozen=True, eq=False)
class Best:
    """The best plan found: its options, worth and public money (PKR), the last two with bounds."""

    worth: float
    worth_bound: float
    money_pkr: float
    money_bound_pkr: float
    choice: Ints  # the chosen options of the market's program

    @property
    def proven(self) -> bool:
        """Whether it is proven that no plan is worth more, within the tolerance `SAME`."""
        return self.worth_bound - self.worth <= SAME * abs(self.worth)


class Market:
    """The bids of an award, and methods to find the best plan and each bid's critical ask.

    `program`: the award's program, in which offers draw the money that their bids ask for (each bid
    is a bundle, so its offers remain in the program even if no driver can use them); `closed`: ids
    of offers that cannot win at their ask; `limit_s`: time limit (s) for the best plan and all
    critical asks; `threads`, `seed`: as for `siting.solve`.
    """

    def __init__(
        self, program: Program, closed: Collection[str] = (), *, limit_s: float, threads: int = 2,
        seed: int = 1,
    ) -> None:  # fmt: skip
        instance = program.instance
        others = tuple(one for one in instance.limits if not one.per_rupee)
        asked = replace(program, instance=replace(instance, limits=others)).without_budget()
        self.program = program
        self.pool = Pool(asked, Clock(limit_s), threads=threads, seed=seed)
        self.options = self.pool.frame.options
        self.drawn, plan = instance.offer_subsidy, program.year_plan
        self.there = instance.budget_pkr if plan is None else sum(plan.budgets_pkr)
        self.money = self._money(self.drawn)
        self.closed = self._of(closed)
        self.none_without = False  # whether the last call of `best` proved that no plan exists

    def best(
        self, *, without: Bid | None = None, gap: float = 0.0, limit_s: float = math.inf
    ) -> Best | None:
        """Return the plan of highest worth; among plans of equal worth, the cheapest to the public.

        The result is None if no plan was found. `without`: a bid to leave out; `gap`: the requested
        gap; `limit_s`: time limit (s).
        """
        with self.pool.clock.within(self._until(limit_s)):
            return self._best(without, gap)

    def _best(self, without: Bid | None, gap: float) -> Best | None:
        gone = self.closed | self._of(() if without is None else without.offers)
        clock, worth = self.pool.clock, self.pool.worth
        whole = float(worth @ np.where(np.isfinite(self.pool.upper), self.pool.upper, 0.0))
        # A short solve to optimality comes first, then a solve to the requested gap.
        for share, enough in ((SOON, NOTHING), (FIRST, max(gap, NOTHING))):
            with clock.within(clock.share_after(share)):
                most = self._asked(worth, gone, -math.inf, enough=enough * whole)
            if most.bound - most.value <= max(gap, NOTHING) * max(abs(most.value), NOTHING * whole):
                break
        if most.choice is None:
            self.none_without = most.bound == -math.inf
            return None
        # While public money is minimised, worth may fall by a tolerance (larger without a bid).
        least = most.value * (1 - (EXACT if without is None else SAME))
        with clock.within(clock.share_after(SECOND)):
            cheap = self._cheapest(self.drawn, gone, least)
        choice = most.choice if cheap.choice is None else cheap.choice
        money = math.fsum(self.drawn[self.options.last[choice]])
        if without is None and most.bound - most.value <= SAME * abs(most.value):
            choice = self._tied(choice, gone, least)
        value = self.pool.worth_of(choice)
        return Best(value, max(most.bound, value), money, min(-cheap.bound, money), choice)

    def ask(self, bid: Bid, worth: float, money_pkr: float, *, limit_s: float = math.inf) -> Ask:
        """Return the critical ask of a bid in whole rupees.

        `worth`, `money_pkr`: the worth and public money of the best plan without the bid.
        """
        clock, until = self.pool.clock, self._until(limit_s)
        hair = SAME * abs(worth)
        with clock.within(clock.share + 0.5 * (until - clock.share)):
            more = self._ask(bid, worth + hair, math.inf)
        if more.low_pkr >= math.floor(min(money_pkr, bid.most_pkr)):
            # A plan of equal worth may draw at most `money_pkr`, so it allows no higher ask.
            return more
        with clock.within(until):
            same = self._ask(bid, worth - hair, money_pkr)
        return Ask(max(more.low_pkr, same.low_pkr), max(more.high_pkr, same.high_pkr))

    def _ask(self, bid: Bid, worth: float, most_pkr: float) -> Ask:
        """Return limits on the highest ask of a bid in plans that meet two conditions.

        The plans are worth at least `worth`, and draw at most `most_pkr` of public money.
        """
        pool, options = self.pool, self.options
        at = self.program.instance.positions_of(bid.offers)
        by_id = (share for _, share in sorted(zip(bid.offers, bid.shares, strict=True)))
        shares = dict(zip(at.tolist(), by_id, strict=True))
        mine = np.flatnonzero(np.isin(options.last, at))
        rupee = np.zeros(len(self.drawn))
        rupee[at] = 1.0
        own = self._money(rupee).use[:, mine]
        use = sparse.csr_array(self.money.use @ sparse.diags_array(1.0 - rupee[options.last]))
        most = max(min(bid.most_pkr, most_pkr, self.there), 1.0)  # unit of the money columns
        first = len(pool.worth)
        between = sparse.csr_array((own.shape[0], first - use.shape[1]))
        # Each option of the bid has a column for its money; the column of the ask follows them.
        last = first + len(mine)
        rows = self._money_rows(sparse.hstack([use, between, own * most], format="csr"))
        rows.append(self._worth_row(worth))
        wanted = np.flatnonzero(options.last == self.program.instance.positions_of([bid.offers[0]]))
        rows.append((wanted, np.ones(len(wanted)), 1.0, math.inf))
        for n, option in enumerate(mine.tolist()):
            by = np.array([1.0, -shares[int(options.last[option])]])
            rows.append((np.array([first + n, option]), by, -math.inf, 0.0))
        for offer, share in shares.items():
            draws = first + np.flatnonzero(options.last[mine] == offer)
            by = np.append(np.ones(len(draws)), -share)
            rows.append((np.append(draws, last), by, 0.0, 0.0))
        others = np.where(np.isin(options.last, at), 0.0, self.drawn[options.last])
        if math.isfinite(most_pkr):
            column = np.append(np.flatnonzero(others), last)
            by = np.append(others[others != 0], most) / max(most_pkr, 1.0)
            rows.append((column, by, -math.inf, most_pkr / max(most_pkr, 1.0)))
        by_share = np.zeros(len(self.drawn))
        by_share[list(shares)] = list(shares.values())
        drawn_of = self._money(by_share)

        def left(choice: Ints) -> float:
            if not pool.worth_of(choice) >= worth - EXACT * abs(worth):
                return -math.inf
            used, each = np.asarray(use[:, choice].sum(axis=1)).ravel(), drawn_of.used(choice)
            room = self.money.at_most + self.money.slack - used
            if (room < 0).any() or (used + each * most < self.money.at_least).any():
                return -math.inf
            a = min(most, most_pkr - float(others[choice].sum()))
            a = min(a, float((room[each > 0] / each[each > 0]).min(initial=math.inf)))
            return a / most if a >= -1e-6 else -math.inf

        extra = len(mine) + 1
        goal = np.zeros(first + extra)
        goal[last] = 1.0
        lower, upper = self._bounds(self.closed & ~np.isin(options.last, at), extra)
        enough = 0.4 / most
        found = pool.best(Query(goal, lower, upper, rows, left, enough))
        if found.bound == -math.inf:
            return NO_ASK
        low = -1.0 if found.choice is None else _whole(found.value * most)
        high = low if found.bound - found.value <= enough else _whole(found.bound * most)
        return Ask(low, high).at_most(math.floor(bid.most_pkr))

    def _asked(
        self, goal: Floats, gone: Flags, worth: float, more: Sequence[Condition] = (), *,
        enough: float,
    ) -> Found:  # fmt: skip
        """Return the choice within budget that maximises a goal and is worth `worth` or more."""
        rows = [*self._money_rows(self.money.use), *more]
        if math.isfinite(worth):
            rows.append(self._worth_row(worth))
        of_worth = goal is self.pool.worth

        def value(choice: Ints) -> float:
            # If a constraint row has numbers in the millions, a solver may be a few rupees off.
            over = any(by[np.isin(at, choice)].sum() > most for at, by, _, most in more)
            if over or not self.money.within(choice):
                return -math.inf
            reached = self.pool.worth_of(choice)
            if of_worth:
                return reached
            there = reached >= worth - EXACT * abs(worth)
            return float(goal[: self.pool.count][choice].sum()) if there else -math.inf

        lower, upper = self._bounds(gone)
        return self.pool.best(Query(goal, lower, upper, rows, value, enough))

    def _cheapest(
        self, price: Floats, gone: Flags, worth: float, more: Sequence[Condition] = ()
    ) -> Found:
        """Return the choice of lowest `price` (PKR, by offer) that is worth `worth` or more."""
        unit = max(float(price.max(initial=0.0)), 1e-12)
        goal = np.zeros(len(self.pool.worth))
        goal[: self.pool.count] = -price[self.options.last] / unit
        found = self._asked(goal, gone, worth, more, enough=0.4 / max(unit, 1.0))
        return Found(found.choice, found.value * unit, found.bound * unit)

    def _tied(self, choice: Ints, gone: Flags, worth: float) -> Ints:
        """Break ties in favour of least public money, then least cost, then the first ids."""
        rows: list[Condition] = []
        rank: Floats = np.arange(1.0, len(self.drawn) + 1.0)
        for price in (self.drawn, self.program.instance.offer_cost, rank):
            each = price[self.options.last] / max(float(price.max(initial=0.0)), 1e-12)
            if rows:
                found = self._cheapest(price, gone, worth, rows)
                choice = choice if found.choice is None else found.choice
            most = float(each[choice].sum())
            rows.append((np.arange(self.pool.count), each, -math.inf, most * (1 + EXACT) + EXACT))
        return choice

    def standing(self, choice: Ints) -> Standing:
        """Return the ids of the offers in a choice, by year if the plan has years."""
        ids, plan = self.program.instance.offer_ids, self.program.year_plan
        stand = [ids[column[column >= 0]].tolist() for column in self.options.offer[choice].T]
        return dict(zip(plan.years, stand, strict=True)) if plan is not None else stand[0]

    def worth_of(self, offers: Standing) -> float:
        """Return the worth of the given stations, ignoring broken limits and floors."""
        worth = self.pool.worth_of(choice_of(self.pool.frame.program, offers))
        if math.isfinite(worth):
            return worth
        return plan_of(self.program.without_aims().most_worth(), offers).proof.objective

    def _until(self, seconds: float) -> float:
        """Return the share of the total time that will have passed `seconds` from now."""
        clock = self.pool.clock
        return clock.share_after(min(seconds / max(clock.left_s, 1e-9), 1.0))

    def _of(self, offers: Collection[str]) -> Flags:
        """Return a mask of the options whose last offer is one of `offers`."""
        named = np.isin(self.program.instance.offer_ids, np.array(list(offers), dtype=object))
        out: Flags = named[self.options.last]
        return out

    def _bounds(self, gone: Flags, more: int = 0) -> tuple[Floats, Floats]:
        """Return the limits of columns, with options `gone` closed; the last `more` end at 1."""
        upper = np.concatenate([self.pool.upper, np.ones(more)])
        upper[: self.pool.count][gone] = 0.0
        return np.minimum(np.concatenate([self.pool.lower, np.zeros(more)]), upper), upper

    def _worth_row(self, least: float) -> Condition:
        """Return the constraint row of plans that are worth `least` or more."""
        worth = self.pool.worth
        at, scale = np.flatnonzero(worth), max(abs(least), float(np.abs(worth).max(initial=0.0)))
        return at, worth[at] / scale, least / scale, math.inf

    def _money_rows(self, use: sparse.csr_array) -> list[Condition]:
        """Return a constraint row for each limit on public money; `use`: what each column draws."""
        out: list[Condition] = []
        for r, (low, high) in enumerate(zip(self.money.at_least, self.money.at_most, strict=True)):
            at = slice(use.indptr[r], use.indptr[r + 1])
            index, value = use.indices[at].astype(np.int64), use.data[at]
            scale = max(float(np.abs(value).max(initial=0.0)), 1e-12)
            slack = float(self.money.slack[r])
            out.append((index, value / scale, (low - slack) / scale, (high + slack) / scale))
        return out

    def _money(self, drawn: Floats) -> Resources:
        """Return the limits on public money (budgets, caps); `drawn`: what each offer draws."""
        program, rows = self.program, ResourceRows(self.options, every=True)
        rows.add_money(drawn, program.instance.budget_pkr, program.year_plan)
        limits = tuple(one for one in program.instance.limits if one.per_rupee)
        rows.add_limits(replace(program.instance, limits=limits), drawn)
        return rows.made()


def _whole(pkr: float) -> float:
    """Return an amount in whole rupees, rounded down after adding a small tolerance."""
    return math.floor(pkr + 1e-5) if math.isfinite(pkr) else pkr
