"""Winners and critical asks against every plan and every ask of small towns."""

from dataclasses import replace

import pytest
from bid_town import bid_town, critical, valued_plans, winning
from conftest import seeds

from siting.awards.asks import NO_ASK, Market
from siting.engine.solve import solve
from siting.program.program import Program

MOST = 100
WHOLE = 1e-6


class Awarded:
    """The award of a town's program, and the critical asks of its bids."""

    def __init__(self, town, program: Program) -> None:
        self.town, self.market = town, Market(program, limit_s=60.0)
        best = self.market.best()
        assert best is not None
        assert best.proven
        assert best.money_bound_pkr == pytest.approx(best.money_pkr, abs=0.5)
        self.worth, self.money = best.worth, best.money_pkr
        stand = self.market.options.last[best.choice]
        self.offers = set(program.instance.offer_ids[stand].tolist())
        self.winners = frozenset(b.bid for b in town.bids if b.offers[0] in self.offers)

    def ask(self, bid):
        """Return the critical ask of a bid, won or lost."""
        worth, money = self.worth, self.money
        if bid.bid in self.winners:
            other = self.market.best(without=bid)
            assert other.proven
            worth, money = other.worth, other.money_pkr
        return self.market.ask(bid, worth, money)


def program_of(town):
    """Return the program of a town; skip it where nobody could be served."""
    program = town.program()
    if program is None:
        pytest.skip("nobody to serve")
    return program


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(0, 1, 20))
def test_winners_and_critical_asks_equal_brute_force(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = program_of(town)
    plans = valued_plans(town)
    best, worth, money = winning(town, plans)
    award = Awarded(town, program)
    assert award.worth == pytest.approx(worth, rel=1e-6)
    assert award.money == pytest.approx(money, abs=1e-6)
    assert award.winners in best
    for bid in town.bids:
        ask = award.ask(bid)
        assert ask.proven
        assert ask.low_pkr == critical(town, plans, bid, MOST), bid


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(500, 1, 8))
def test_a_rupee_under_the_critical_ask_wins_and_a_rupee_over_loses(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = program_of(town)
    award = Awarded(town, program)
    for bid in town.bids:
        ask = award.ask(bid)
        free = replace(bid, most_pkr=900.0)
        if ask == NO_ASK:
            assert bid.bid not in award.winners
        if ask.low_pkr >= 1 and ask.low_pkr < bid.most_pkr:
            under = town.at(free, ask.low_pkr - 1)
            assert bid.bid in Awarded(under, under.program()).winners
        if ask.high_pkr < bid.most_pkr:
            over = town.at(free, ask.high_pkr + 1)
            assert bid.bid not in Awarded(over, over.program()).winners


@pytest.mark.parametrize("seed", seeds(700, 2, 15))
def test_more_money_never_hurts(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = program_of(town)
    money = town.asked.budgets
    more = {y: 1.3 * pkr for y, pkr in money.items()} if money else None
    richer = replace(town, asked=replace(town.asked, budget=1.3 * town.asked.budget, budgets=more))
    before, after = Awarded(town, program), Awarded(richer, richer.program())
    assert after.worth >= before.worth - WHOLE


@pytest.mark.parametrize("seed", seeds(900, 1, 10))
def test_a_bid_that_could_win_at_no_ask_changes_nothing(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = program_of(town)
    award = Awarded(town, program)
    for bid in town.bids:
        if award.ask(bid) != NO_ASK:
            continue
        bare = award.market.best(without=bid)
        assert bare.worth == pytest.approx(award.worth, rel=1e-9)
        assert bare.money_pkr == pytest.approx(award.money, abs=1e-6)
        # Nor does it change what any other could have asked for.
        for other in town.bids:
            if other is not bid and other.bid not in award.winners:
                alone = Market(program, bid.offers, limit_s=60.0)
                assert alone.ask(other, award.worth, award.money) == award.ask(other)


@pytest.mark.parametrize("seed", seeds(1100, 2, 15))
def test_the_engine_alone_awards_as_much_for_as_little(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = program_of(town)
    answer = solve(program, gap=0.0, time_limit_s=30.0)
    assert answer.status == "optimal"
    award = Awarded(town, program)
    assert award.worth == pytest.approx(answer.proof.objective, rel=1e-7)
    assert award.money == pytest.approx(answer.subsidy_pkr, abs=1e-6)
    assert award.offers == set(answer.offers)


def test_a_town_has_bundles_years_caps_and_alternatives() -> None:
    towns = [bid_town(seed, sites=4) for seed in range(8)]
    assert any(len(bid.offers) > 1 for town in towns for bid in town.bids)
    assert any(town.asked.budgets for town in towns)
    names = {limit.name for town in towns for limit in town.asked.limits}
    assert names == {"one of these", "bidder", "bidder's number", "feeder"}
