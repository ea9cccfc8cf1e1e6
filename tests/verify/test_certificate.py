"""Prices prove a bound: never below the best plan, and as low as the relaxation."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import often
from program_cases import CUTOFF_MIN, case_of, program_of

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.prices import prices_of
from siting.engine.relax import Relaxation
from siting.engine.solve import solve
from siting.errors import InfeasibleError, InputError
from siting.outcome import outcome_of
from siting.program.limits import limit_tables
from siting.program.money import caps_of
from siting.verify import Account, Aim, Decay, ViabilityGap, certificate, certified

ASKED = [
    (),
    ("coverage",),
    ("people", "decay"),
    ("coverage", "decay", "number"),
    ("viability gap",),
    ("hurdle",),
    ("concessions",),
    ("need", "envelope"),
    ("need", "net of money"),
    ("net of cost", "feeder"),
    ("city floor", "class floors"),
    ("least subsidy",),
    ("least cost", "at least", "viability gap"),
    ("zone floors", "required", "extensions"),
    ("expected", "envelope", "city floor"),
    ("expected", "need"),
    ("years", "number"),
    ("years", "net of money"),
    ("years, carry, upgrades", "net of money"),
    ("years", "viability gap"),
    ("years, carry, upgrades", "extensions", "sessions"),
    ("years, carry, upgrades", "need", "expected"),
]
# What a bound by prices alone leaves out: rows of earlier years, and distances.
LEFT_OUT = {"years", "years, carry, upgrades", "differ from"}


def decay_of(case):
    if case.decay is None:
        return None
    kind, *rest = case.decay
    names = {"exponential": ["scale_min"], "gaussian": ["sigma_min"],
             "linear": ["full_min", "end_min", "least"]}  # fmt: skip
    return Decay(kind, rest[0] if kind == "step" else dict(zip(names[kind], rest, strict=True)))


def account_of(case, answer):
    """Return what a plan of a random town was made from, and its first aim."""
    found, program = outcome_of(answer), answer.program
    use, there = limit_tables(program.instance.limits)
    ids = program.instance.demand_ids
    worth = [
        pd.DataFrame({"slice": s.name, "demand_id": ids, "per_kwh": program.per_kwh[:, n]})
        for n, s in enumerate(program.slices)
    ]
    members = [pd.DataFrame({"floor": f.name, "demand_id": ids[f.member]}) for f in program.floors]
    aim, rest = case.aims[0][0], case.aims[0][1:]
    more = {"least_gain": rest[0], "of": rest[1]} if aim == "net_worth" else {}
    if more and isinstance(rest[0], tuple):
        more["least_gain"] = dict(zip(case.budgets, rest[0], strict=True))
    more |= {"of": rest[0]} if aim == "least_money" else {}
    budget = math.inf if case.budget is None else case.budget
    gap = None
    if program.gap is not None:
        caps = caps_of(program.instance, program.gap).tolist()
        cap = dict(zip(program.instance.offer_ids, caps, strict=True))
        margin, _, sales_share, concessions = case.gap
        gap = ViabilityGap(margin, cap, found.paid, sales_share, concessions)
    return Account(
        built=found.built.drop(columns="year"),
        service=found.services,
        demand=found.demand,
        offers=case.offers,
        reach=case.reach,
        compatibility=case.compatibility,
        cutoff_min=CUTOFF_MIN if case.decay else math.inf,
        budget_pkr=case.budgets or budget,
        model=case.model,
        slices=found.slices,
        carry_over=case.carry_over,
        upgrades=case.upgrades,
        aims=(Aim(aim, answer.proof.objective, **more),),
        floors=found.floors if len(found.floors) else None,
        members=pd.concat(members) if len(found.floors) else None,
        worth=pd.concat(worth, ignore_index=True),
        decay=decay_of(case),
        gap=gap,
        resource_use=use.rename(columns={"limit": "resource"}),
        resources=there.rename(columns={"limit": "resource"}),
        required_sites=case.required,
    )


@pytest.mark.parametrize("features", often(ASKED, ASKED[8:9]), ids=", ".join)
def test_prices_prove_no_less_than_the_best_plan_and_no_more_than_the_relaxation(
    features, monkeypatch
):
    met = 0
    for seed in range(2):
        case = case_of(features, seed)
        program = program_of(case)
        try:
            answer = solve(program, gap=0.0, time_limit_s=60.0, threads=1)
        except InfeasibleError:
            continue
        met += 1
        account, best = account_of(case, answer), answer.proof.objective
        sign = -1 if account.aims[0].kind == "least_money" else 1
        near = 1e-6 * max(abs(best), 1.0)
        prices = prices_of(program, limit_s=60.0)
        found = certified(account, prices)
        assert found.exact
        assert sign * (found.bound - best) >= -near
        frame = Frame(program, program.all_aims[0])
        relaxed = sign * Relaxation(frame, Clock(60.0), seed=1).solve()
        if not LEFT_OUT & set(features):
            assert sign * (found.bound - relaxed) <= near
        with monkeypatch.context() as plain:
            plain.setattr(certificate, "EXACT_PAIRS", -1)
            rounded = certified(account, prices)
            assert not rounded.exact
            assert 0 <= sign * (rounded.bound - found.bound) + 1e-12 * near <= near
        rng = np.random.default_rng(seed)
        for _ in range(3):  # whatever the prices are
            wrong = prices.assign(price=prices["price"] * rng.uniform(0, 2, len(prices)))
            assert sign * (certified(account, wrong).bound - best) >= -near
        assert sign * (certified(account, prices[:0]).bound - best) >= -near
    assert met


def test_what_is_no_price_is_refused():
    case = case_of((), 1)
    account = account_of(case, solve(program_of(case), gap=0.0, threads=1))
    table = pd.DataFrame({"row": ["love"], "name": ["x"], "slice": [""], "price": [1.0]})
    with pytest.raises(InputError, match="no prices"):
        certified(account, table)
    with pytest.raises(InputError, match="columns missing"):
        certified(account, table.drop(columns="price"))
