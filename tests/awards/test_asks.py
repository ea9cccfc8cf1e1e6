"""Winners and critical asks against every plan and every ask of small towns."""

from dataclasses import replace

import pytest
from bid_town import bid_town, critical, valued_plans, winning
from conftest import seeds

from siting.awards.asks import NO_ASK, best_without, critical_ask, without
from siting.engine.solve import solve
from siting.program.program import Program

MOST = 100
WHOLE = 1e-6


def awarded(program: Program):
    """Return the answer of a town's program, solved to the end."""
    answer = solve(program, gap=0.0, time_limit_s=30.0)
    assert answer.status == "optimal"
    return answer


def winners(town, answer):
    """Return the names of the bids that an answer takes."""
    return frozenset(bid.bid for bid in town.bids if bid.offers[0] in answer.offers)


def ask_of(town, program, answer, bid):
    """Return the critical ask of a bid, won or lost."""
    worth, money, offers = answer.proof.objective, answer.subsidy_pkr, answer.offers
    if bid.bid in winners(town, answer):
        other = best_without(program, bid, limit_s=30.0)
        assert other.proven
        worth, money, offers = other.worth, other.money_pkr, other.offers
    return critical_ask(program, bid, worth, money, limit_s=30.0, start=offers)


@pytest.mark.parametrize("seed", seeds(0, 1, 80))
def test_winners_and_critical_asks_equal_brute_force(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = town.program()
    if program is None:
        pytest.skip("nobody to serve")
    plans = valued_plans(town)
    best, worth, money = winning(town, plans)
    answer = awarded(program)
    assert answer.proof.objective == pytest.approx(worth, rel=1e-6)
    assert answer.subsidy_pkr == pytest.approx(money, abs=1e-6)
    assert winners(town, answer) in best
    for bid in town.bids:
        ask = ask_of(town, program, answer, bid)
        assert ask.proven
        assert ask.low_pkr == critical(town, plans, bid, MOST), bid


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(500, 1, 25))
def test_a_rupee_under_the_critical_ask_wins_and_a_rupee_over_loses(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = town.program()
    if program is None:
        pytest.skip("nobody to serve")
    answer = awarded(program)
    for bid in town.bids:
        ask = ask_of(town, program, answer, bid)
        free = replace(bid, most_pkr=900.0)
        if ask == NO_ASK:
            assert bid.bid not in winners(town, answer)
        if ask.low_pkr >= 1 and ask.low_pkr < bid.most_pkr:
            under = town.at(free, ask.low_pkr - 1)
            assert bid.bid in winners(under, awarded(under.program()))
        if ask.high_pkr < bid.most_pkr:
            over = town.at(free, ask.high_pkr + 1)
            assert bid.bid not in winners(over, awarded(over.program()))


@pytest.mark.parametrize("seed", seeds(700, 2, 40))
def test_more_money_never_hurts(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = town.program()
    if program is None:
        pytest.skip("nobody to serve")
    money = town.asked.budgets
    more = {y: 1.3 * pkr for y, pkr in money.items()} if money else None
    richer = replace(town, asked=replace(town.asked, budget=1.3 * town.asked.budget, budgets=more))
    before, after = awarded(program), awarded(richer.program())
    assert after.proof.objective >= before.proof.objective - WHOLE


@pytest.mark.parametrize("seed", seeds(900, 1, 25))
def test_a_bid_that_could_win_at_no_ask_changes_nothing(seed: int) -> None:
    town = bid_town(seed, sites=4)
    program = town.program()
    if program is None:
        pytest.skip("nobody to serve")
    answer = awarded(program)
    for bid in town.bids:
        if ask_of(town, program, answer, bid) == NO_ASK:
            bare = awarded(without(program, bid))
            assert bare.proof.objective == pytest.approx(answer.proof.objective, rel=1e-9)
            assert bare.subsidy_pkr == pytest.approx(answer.subsidy_pkr, abs=1e-6)
            assert bare.offers == answer.offers


def test_a_town_has_bundles_years_caps_and_alternatives() -> None:
    towns = [bid_town(seed, sites=4) for seed in range(8)]
    assert any(len(bid.offers) > 1 for town in towns for bid in town.bids)
    assert any(town.asked.budgets for town in towns)
    names = {limit.name for town in towns for limit in town.asked.limits}
    assert names == {"one of these", "bidder", "bidder's number", "feeder"}
