"""The critical ask of a bid: the largest at which it would have won, by the program itself.

A bid wins at an ask where some plan with it is worth more than the best without it, or as much for
less public money. So with ``W`` and ``M`` the worth and money of the best without it, ``B`` what
there is of each kind of money, and the plans ``P`` that take the bid, its critical ask is the
larger of two::

    most a:  a + others of P  <=  B,   worth of P  >  W
    most a:  a + others of P  <=  min(B, M),   worth of P  >=  W

"Others" is what the others of a plan draw, of the budget, of each year's money and of each cap.
Each is found by least money: with the bid taken at an ask, the plan of no less worth that leaves
the most says how much more the bid could ask; where no such plan is left at a rupee more, the ask
is proven. Where money is one sum, the bound on the least money proves it at once.

Source: R. B. Myerson: Optimal auction design. Mathematics of Operations Research 6 (1981), 58-73
(who pays the ask at which he would just have won gains nothing by asking more than he needs).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from siting.engine.choice import value_of_choice
from siting.engine.frame import Frame
from siting.engine.solve import chosen
from siting.errors import InfeasibleError, SolveError
from siting.program.aims import MostWorth
from siting.program.instance import Floats, Ints
from siting.program.limits import Limit
from siting.program.matrix import Reached
from siting.program.program import Program
from siting.program.resources import ResourceRows

# Worth that differs by a smaller share counts as the same: solvers are not much finer.
SAME = 1e-5
# Asks raised by a rupee this often; then by halves.
RAISED = 6
TAKEN, NO_DEARER = "the bid is taken", "no dearer than the award"


@dataclass(frozen=True)
class Bid:
    """A bid as the program knows it.

    Parameters
    ----------
    bid
        Its name.
    offers
        Its offers by id, all of them or none.
    ask_pkr
        Public money it asks for (PKR).
    shares
        The share of the ask that each offer draws.
    most_pkr
        The reserve price: the most that it may ask for (PKR).
    """

    bid: str
    offers: tuple[str, ...]
    ask_pkr: float
    shares: tuple[float, ...]
    most_pkr: float = math.inf


@dataclass(frozen=True)
class Ask:
    """An ask between two figures (PKR), the same where it is proven; below 0: at no ask at all."""

    low_pkr: float
    high_pkr: float

    @property
    def proven(self) -> bool:
        """Whether it is known to the rupee."""
        return self.high_pkr - self.low_pkr < 1


@dataclass(frozen=True)
class Best:
    """The best plan there is: worth, public money (PKR), offers, and whether that is proven."""

    worth: float
    money_pkr: float
    offers: tuple[str, ...]
    proven: bool


NO_ASK = Ask(-1.0, -1.0)


def without(program: Program, bid: Bid) -> Program:
    """Return a program in which a bid was not made."""
    instance = program.instance
    kept = np.flatnonzero(~np.isin(instance.offer_ids, np.array(bid.offers, dtype=object)))
    return replace(program, instance=instance.with_offers(kept))


def best_without(
    program: Program, bid: Bid, *, limit_s: float, start: Sequence[str] = (), **effort: Any
) -> Best:
    """Return the award that there is without a bid: of the most worth the least money.

    Raises `InfeasibleError` if there is none, `SolveError` if none was found in time.
    """
    bare = without(program, bid).without_aims()
    until = time.monotonic() + limit_s
    made, first = chosen(bare.most_worth(), time_limit_s=0.7 * limit_s, start=start, **effort)
    stands = tuple(made.instance.offer_ids[made.options.last[first.choice]].tolist())
    kept = (Reached(MostWorth(), first.value * (1 - SAME)),)
    left_s = max(until - time.monotonic(), 0.1)
    made, second = chosen(bare.least_money(), kept, time_limit_s=left_s, start=stands, **effort)
    stands = tuple(made.instance.offer_ids[made.options.last[second.choice]].tolist())
    same = abs(first.bound - first.value) <= SAME * abs(first.value)
    return Best(first.value, second.value, stands, same)


def critical_ask(
    program: Program,
    bid: Bid,
    worth: float,
    money_pkr: float,
    *,
    limit_s: float,
    start: Sequence[str] = (),
    **effort: Any,
) -> Ask:
    """Return the largest whole rupees that a bid could have asked for and won.

    Parameters
    ----------
    program
        What was asked: offers draw what is bid for them.
    bid
        The bid, won or lost.
    worth, money_pkr
        Worth and public money (PKR) of the best plan without it.
    limit_s
        Seconds it may take in all.
    start
        Offers of that plan.
    effort
        ``threads``, ``seed`` and ``method``, as for `siting.solve`.
    """
    search = _Search(program, bid, limit_s, (*bid.offers, *start), effort)
    return search.ask(worth, money_pkr)


@dataclass
class _Plan:
    """A plan with the bid taken: its worth, what it leaves, and what the others draw at least."""

    worth: float
    room_pkr: float  # by how much more the bid could ask
    others_pkr: float  # what the others of any such plan draw at least
    drawn_pkr: float = math.inf  # what the plan draws in all


class _Search:
    """The critical ask of one bid."""

    def __init__(
        self,
        program: Program,
        bid: Bid,
        limit_s: float,
        start: tuple[str, ...],
        effort: Mapping[str, Any],
    ) -> None:
        taken = Limit(TAKEN, "bid", "offers", math.inf, {bid.offers[0]: 1.0}, 1.0)
        self.program = program.limit(taken).without_aims().least_money()
        self.bid, self.start, self.until = bid, start, time.monotonic() + limit_s
        self.effort = effort
        self.at = program.instance.positions_of(bid.offers)
        order = np.argsort(np.array(bid.offers, dtype=object), kind="stable")
        self.shares = np.array(bid.shares)[order]

    def ask(self, worth: float, money_pkr: float) -> Ask:
        """Return the critical ask, given the best plan without the bid."""
        hair = SAME * abs(worth)
        there = self.program.money_pkr
        first = self._plan(self.program, 0.0, worth - hair)
        if first is None:
            return NO_ASK
        more = first if first.worth > worth + hair else None
        best = self._largest(self.program, worth + hair, there, more)
        # For as much worth no more may be drawn than the best without it draws.
        left = _whole(min(money_pkr - first.others_pkr, self.bid.most_pkr))
        if left >= best.low_pkr + 1:
            every = dict.fromkeys(map(str, self.program.instance.offer_ids), 1.0)
            cheap = Limit(NO_DEARER, "money", "PKR", money_pkr, every, per_rupee=True)
            room = min(first.room_pkr, _whole(money_pkr - first.drawn_pkr))
            known = replace(first, room_pkr=room) if room >= 0 else None
            same = self._largest(self.program.limit(cheap), worth - hair, money_pkr, known)
            best = Ask(max(best.low_pkr, same.low_pkr), max(best.high_pkr, same.high_pkr))
        return best

    def _largest(
        self, program: Program, worth: float, there_pkr: float, known: _Plan | None = None
    ) -> Ask:
        """Return the largest ask with a plan of so much worth."""
        low, high, ask, tries = -1.0, self.bid.most_pkr, 0.0, 0
        while True:
            plan = known or self._plan(program, ask, worth)
            known = None
            if plan is None:
                high = min(high, ask - 1)
            else:
                low = max(low, _whole(min(ask + plan.room_pkr, self.bid.most_pkr)))
                if not ask:
                    high = min(high, _whole(there_pkr - plan.others_pkr))
            high = max(high, low)
            if high - low < 1 or time.monotonic() > self.until:
                return Ask(low, high)
            tries += 1
            ask = low + 1 if tries < RAISED else math.ceil((low + high) / 2)

    def _plan(self, program: Program, ask_pkr: float, worth: float) -> _Plan | None:
        """Return the plan of so much worth that draws least with the bid taken; None if none can.

        Where none was found in time it has no room, and the others may draw nothing.
        """
        instance = program.instance
        drawn = instance.offer_subsidy.copy()
        drawn[self.at] = ask_pkr * self.shares
        program = replace(program, instance=replace(instance, offer_subsidy=drawn))
        left_s = max(self.until - time.monotonic(), 0.1)
        kept = (Reached(MostWorth(), worth),)
        try:
            made, found = chosen(
                program, kept, time_limit_s=left_s, start=self.start, **self.effort
            )
        except InfeasibleError:
            return None
        except SolveError:
            return _Plan(-math.inf, -math.inf, 0.0)
        return _Plan(
            value_of_choice(Frame(made, MostWorth()), found.choice),
            self._room(made, found.choice),
            max(found.bound, ask_pkr) - ask_pkr,
            found.value,
        )

    def _room(self, program: Program, choice: Ints) -> float:
        """Return by how much more the bid could ask with the others of a plan as they are (PKR)."""
        used, most = self._money(program, program.instance.offer_subsidy, choice)
        own = np.zeros(len(program.instance.offer_ids))
        own[program.instance.positions_of(self.bid.offers)] = self.shares
        mine, _ = self._money(program, own, choice)
        binds = mine > 0
        return float(((most - used)[binds] / mine[binds]).min(initial=math.inf))

    @staticmethod
    def _money(program: Program, drawn: Floats, choice: Ints) -> tuple[Floats, Floats]:
        """Return what a choice draws of each kind of money, and what there is of it (PKR)."""
        rows = ResourceRows(program.options, every=True)
        rows.add_money(drawn, program.instance.budget_pkr, program.year_plan)
        limits = tuple(one for one in program.instance.limits if one.per_rupee)
        rows.add_limits(replace(program.instance, limits=limits), drawn)
        made = rows.made()
        return made.used(choice), made.at_most


def _whole(pkr: float) -> float:
    """Return whole rupees, a sum that falls short by arithmetic alone counted in."""
    return math.floor(pkr + 1e-5) if math.isfinite(pkr) else pkr
