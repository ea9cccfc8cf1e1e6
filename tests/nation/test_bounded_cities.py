"""Rounds of a nation by year whose cities have bounds for any budgets, with stand-ins for cities.

A city serves 1 kWh/day for every PKR 1,000, up to its demand, and no energy is worth the price of
public money, so that solves at prices serve only the floor.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from siting.nation import rounds
from siting.nation.rounds import Rounds

PEOPLE = {"old": 1500.0, "new": 100.0}
DEMAND_KWH_DAY = {"old": 200.0, "new": 1800.0}
PKR = 100_000.0  # in each of two years


class Cities:
    """Answers solves of cities at once; the facts of the cities in `failed` cannot be read."""

    threads = 1

    def __init__(self, failed=()):
        self.failed, self.relaxed = failed, []

    def each(self, tasks):
        for key, (work, (config, *given)) in tasks.items():
            yield key, {"error": "", "seconds": 0.0, **getattr(self, work.__name__)(config, *given)}

    def facts(self, config):
        if config.name in self.failed:
            return {"status": "failed", "error": "killed"}
        kwh = DEMAND_KWH_DAY[config.name]
        by_year = {"wanted_by_year": [kwh, kwh], "reachable_by_year": [kwh, kwh]}
        whole = {"demand_kwh_day": kwh, "reachable_kwh_day": kwh, "vehicles": 1.0, "cells": {}}
        return {"status": "optimal", "people": PEOPLE[config.name], **whole, **by_year}

    def bound(self, config, ask, limit_s):
        self.relaxed.append((ask.city, ask.prices))
        prices = ask.prices or (1e-3, 1e-3)
        kwh = DEMAND_KWH_DAY[config.name]
        return {"status": "bound", "bound_kwh_day": kwh, "prices": prices}

    def answer(self, config, ask, start, limit_s, threads):
        kwh = DEMAND_KWH_DAY[config.name]
        need, money = ask.least_share * kwh, math.fsum(ask.money)
        served = need if ask.prices else min(money / 1000, kwh)
        if served > money / 1000 + 1e-9 or served < need - 1e-9:
            return {"status": "impossible", "error": "too little money"}
        share = 1000 * served / money if money else 0.0
        return {
            "status": "optimal", "served_kwh_day": served, "served_by_year": [served, served],
            "drawn_by_year": [share * pkr for pkr in ask.money], "subsidy_pkr": 1000 * served,
            "cost_pkr": 1000 * served, "bound_kwh_day": served, "new_stations": int(served > 0),
            "offers": (f"{config.name} {ask.purpose}",), "rupee": [], "envelopes": {},
        }  # fmt: skip


def nation(monkeypatch, workers, *, least_kwh_day_a_head=0.0, rows=()):
    monkeypatch.setattr(rounds, "given_up", lambda config: 0.0)
    city = SimpleNamespace(takes_part="may", least=lambda pkr: 0.0, most=lambda pkr: pkr)
    config = SimpleNamespace(
        years=SimpleNamespace(budgets_pkr={2027: PKR, 2028: PKR}, carry_over=True),
        money_pkr=2 * PKR, provinces={}, envelopes={}, cities=[city, city],
        least_kwh_day_a_head=least_kwh_day_a_head,
        solver=SimpleNamespace(time_limit_s=1.0, rounds=3, gap=0.001),
    )  # fmt: skip
    cities = [SimpleNamespace(name=name) for name in PEOPLE]
    made = Rounds(config, cities, ["", ""], rows=rows, workers=workers)
    made.prepare()
    made.ask_all()
    return made


def test_plans_at_prices_find_a_division_that_meets_dear_floors(monkeypatch):
    """By demand, `old` gets too little for its floor; the best plans for all money are too dear."""
    made = nation(monkeypatch, Cities(), least_kwh_day_a_head=0.1)
    chosen = made.chosen()
    assert chosen["old"][1]["served_kwh_day"] >= 150 - 1e-6
    assert sum(money.sum() for money, _ in chosen.values()) <= 2 * PKR + 1


def test_a_relaxation_at_the_same_prices_is_solved_once(monkeypatch):
    cities = Cities()
    made = nation(monkeypatch, cities)
    priced = [one for one in cities.relaxed if one[1]]
    assert len(priced) == len({(name, tuple(np.round(p, 12))) for name, p in priced})
    assert made.bounded == {"old", "new"}


def test_a_city_that_was_bounded_before_and_fails_now_leaves_the_others(monkeypatch):
    rows = nation(monkeypatch, Cities()).rows
    made = nation(monkeypatch, Cities({"old"}), rows=rows)
    assert set(made.failed) == {"old"}
    assert made.chosen()["new"][1]["served_kwh_day"] == pytest.approx(200)
