"""Random towns of bids, and who wins them, by trying every plan at every ask."""

from dataclasses import dataclass, replace

import numpy as np
from brute_force import COMPATIBILITY, Asked, Scarce, Trial, town

from siting.awards.asks import Bid
from siting.errors import SitingError
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.program import Program

ALIKE = 1e-6


@dataclass(frozen=True)
class BidTown:
    """A town with bids: what is asked of it, which bids there are, and the years they open in."""

    asked: Asked
    bids: tuple[Bid, ...]
    opens: dict[str, int]

    def at(self, bid, ask):
        """Return the town in which one bid asks for something else."""
        offers = self.asked.offers.set_index("offer_id")
        offers.loc[list(bid.offers), "subsidy_pkr"] = [ask * s for s in bid.shares]
        bids = tuple(replace(b, ask_pkr=ask) if b.bid == bid.bid else b for b in self.bids)
        return replace(self, asked=replace(self.asked, offers=offers.reset_index()), bids=bids)

    def program(self):
        """Return the program of the town; None where nothing could be served."""
        asked = self.asked
        bundle = {o: b.bid for b in self.bids for o in b.offers}
        offers = asked.offers.assign(
            bundle=[bundle.get(o, "") for o in asked.offers["offer_id"]],
            opens_year=[self.opens.get(o, 0) for o in asked.offers["offer_id"]],
            # What a station costs says nothing here; it is never less than what is asked.
            cost_pkr=asked.offers["cost_pkr"] + 1000.0 * ~asked.offers["existing"],
            charger_cost_pkr=asked.offers["charger_cost_pkr"] + 1000.0 * ~asked.offers["existing"],
        )
        limits = [
            Limit(s.name, s.kind, "x", s.at_most, s.use, s.at_least, s.per_rupee)
            for s in asked.limits
        ]
        budget = sum(asked.budgets.values()) if asked.budgets else asked.budget
        try:
            instance = Instance.from_tables(
                asked.demand, offers, asked.reach, COMPATIBILITY, budget, limits=limits
            )
        except SitingError:
            return None
        program = Program(instance)
        if asked.budgets:
            program = program.years(asked.budgets, carry_over=asked.carry_over, discount_rate=0.0)
        return program.most_worth().least_money()


class Bidding(Trial):
    """A town in which what is bid can stand, of use or not."""

    def open_offers(self):
        out = {}
        for o, row in self.offers.items():
            out.setdefault(row["site_id"], []).append(o)
        return out


def valued_plans(bidding):
    """Return the plans that the bids allow, whatever they draw, as (plan, worth)."""
    asked = bidding.asked
    money = {"budgets": dict.fromkeys(asked.budgets, 1e9)} if asked.budgets else {"budget": None}
    trial = Bidding(replace(asked, limits=(), **money))
    return [(p, trial.value(p)) for p in trial.plans() if allowed(bidding, p)]


def allowed(bidding, plan):
    """Return whether a plan keeps bundles whole and opens each station in its year."""
    years = list(bidding.asked.budgets or [None])
    end = {c[-1] for c in plan.values()}
    if any(len({o in end for o in bid.offers}) > 1 for bid in bidding.bids):
        return False
    return all(
        bidding.opens.get(c[-1]) in (None, years[c.index(c[-1])]) for c in plan.values() if c[-1]
    )


def winning(bidding, valued):
    """Return the best plans of a town (sets of bids): the most worth, of these the least money."""
    trial = Bidding(bidding.asked)
    fit = [(p, w) for p, w in valued if trial.affordable(p) and trial.within(p)]
    top = max(w for _, w in fit)
    fit = [p for p, w in fit if w >= top - ALIKE * max(top, 1e-9)]
    drawn = [sum(trial.draws(c[-1]) for c in p.values()) for p in fit]
    least = min(drawn)
    ends = [
        {c[-1] for c in p.values()} for p, d in zip(fit, drawn, strict=True) if d <= least + 1e-9
    ]
    sets = [frozenset(b.bid for b in bidding.bids if b.offers[0] in end) for end in ends]
    return sets, top, least


def bid_town(seed, sites=5):
    """Return a random town of bids: bundles, alternatives, caps, feeders, sizes and years."""
    rng = np.random.default_rng(seed)
    demand, offers, reach = town(seed, sites=sites, configurations=2, existing=rng.random() < 0.4)
    new = ~offers["existing"]
    asks = rng.integers(1, 30, len(offers)).astype(float)
    offers["subsidy_pkr"] = np.where(new, asks, 0.0)
    offers["reason"] = ""
    ids = offers.loc[new, "offer_id"].tolist()
    site = offers.set_index("offer_id")["site_id"]
    bids, left = [], list(ids)
    while left:
        first = left.pop(0)
        mine = [first]
        others = [o for o in left if site[o] != site[first]]
        if others and rng.random() < 0.3:
            mine.append(others[int(rng.integers(len(others)))])
            left.remove(mine[1])
        ask = float(rng.integers(1, 30))
        shares = (1.0,) if len(mine) == 1 else (0.25, 0.75)
        most = float(rng.integers(ask, 40)) if rng.random() < 0.3 else 900.0
        bids.append(Bid(f"b{len(bids)}", tuple(mine), ask, shares, most))
    limits = []
    first = [b.offers[0] for b in bids]
    if rng.random() < 0.6:
        some = rng.permutation(first)[:3]
        limits.append(Scarce("one of these", dict.fromkeys(some, 1.0), 1.0))
    if rng.random() < 0.6:
        some = rng.permutation(ids)[: len(ids) // 2]
        limits.append(Scarce("bidder", dict.fromkeys(some, 1.0), float(rng.integers(5, 40)),
                             per_rupee=True))  # fmt: skip
    if rng.random() < 0.5:
        some = rng.permutation(ids)[: len(ids) // 2]
        limits.append(Scarce("bidder's number", dict.fromkeys(some, 1.0), 1.0))
    if rng.random() < 0.4:
        limits.append(Scarce("feeder", {o: float(rng.integers(1, 9)) for o in ids}, 12.0))
    opens, budgets = {}, None
    if rng.random() < 0.35:
        budgets = {2027: float(rng.integers(5, 30)), 2030: float(rng.integers(0, 30))}
        opens = {o: int(rng.choice([2027, 2030])) for o in ids if rng.random() < 0.5}
    asked = Asked(demand, offers, reach, budget=float(rng.integers(10, 60)), limits=tuple(limits),
                  budgets=budgets, carry_over=bool(rng.random() < 0.5),
                  aims=(("most_worth",),))  # fmt: skip
    made = BidTown(asked, tuple(bids), opens)
    for bid in bids:
        made = made.at(bid, bid.ask_pkr)
    return made


def critical(bidding, valued, bid, most):
    """Return the largest whole ask at which a bid is among the winners of a best plan; -1: none."""
    best = -1
    for ask in range(int(min(most, bid.most_pkr)) + 1):
        sets, _, _ = winning(bidding.at(bid, float(ask)), valued)
        if any(bid.bid in names for names in sets):
            best = ask
    return best
