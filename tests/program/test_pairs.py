"""Tests of the blocks, alone and in pairs.

In random towns, the results of the engine and of MILP are compared with brute force. In the town
made by hand, each block, and an eighth of the pairs, runs from a YAML file to a recounted folder.
"""

import copy
import itertools

import numpy as np
import pandas as pd
import pytest
import yaml
from brute_force import best
from conftest import often
from pandas.testing import assert_frame_equal
from program_cases import FEATURES, REFUSED, SAME_BLOCK, case_of, combine, program_of
from town import LONS, write_town

import siting
from siting.config.refusals import TWO_FIRST
from siting.engine.solve import solve
from siting.errors import ConfigError, InfeasibleError, InputError
from siting.study import Study

METHODS = ("exact", "milp")
PAIRS = [pair for pair in itertools.combinations(FEATURES, 2) if combine(pair)]
SEEDS = 1
TRIPLES = 100


def seed_of(features, n):
    """Return a seed that does not change when a feature is added to the list."""
    return n * 1_000_003 + sum(ord(c) * k for k, c in enumerate("+".join(features), 1))


def disagreements(features, seed, methods=METHODS, **size):
    """Return whether a random town has a plan, and where methods and brute force differ."""
    case = case_of(features, seed, **size)
    expected = best(case)
    out = []
    for method in methods:
        where = f"{' + '.join(features)}, seed {seed}, {method}"
        try:
            answer = solve(program_of(case), gap=0.0, time_limit_s=60.0, threads=1, method=method)
        except InfeasibleError as error:
            if expected is not None:
                out.append(f"{where}: infeasible ({error}), brute force {expected.reached}")
            continue
        found = [one.proof.objective for one in answer.proofs]
        if expected is None:
            out.append(f"{where}: found {found}, there is no plan")
            continue
        unproven = False
        for one, (aim, *_), wanted in zip(answer.proofs, case.aims, expected.reached, strict=True):
            proof = one.proof
            if proof.status != "optimal" and aim == "shortest_drives" and method == "exact":
                # This aim may be unproven, but its value and bound must be true (test_faults.py).
                unproven = True
                slack = 1e-6 * max(1.0, wanted)
                if not proof.bound - slack <= wanted <= proof.objective + slack:
                    out.append(f"{where}: {aim} {proof}, brute force {wanted}")
                continue
            if proof.objective != pytest.approx(wanted, rel=1e-6, abs=1e-6):
                out.append(f"{where}: {aim} {proof.objective}, brute force {wanted}")
            if proof.status != "optimal":
                out.append(f"{where}: {aim} {proof}")
        if unproven:
            continue
        if not out and built(answer) not in [plan_of(plan) for plan in expected.plans]:
            out.append(f"{where}: {built(answer)} is not one of the best plans")
    return expected is not None, out


def built(answer):
    """Return the open offers, as pairs of year position and offer."""
    years = answer.program.year_plan.years if answer.program.year_plan else None
    rows = answer.built
    at = [years.index(y) if years else 0 for y in rows["year"]]
    return sorted(set(zip(at, rows["offer_id"], strict=True)))


def plan_of(plan):
    return sorted((t, o) for course in plan.values() for t, o in enumerate(course) if o)


def check(combinations, seeds, **how):
    """Check towns; return the number of towns, and the number of towns that have a plan."""
    towns, plans, wrong = 0, 0, []
    for features in combinations:
        for n in range(seeds):
            feasible, found = disagreements(features, seed_of(features, n), **how)
            towns, plans = towns + 1, plans + feasible
            wrong += found
    print(
        f"{len(combinations)} combinations, {towns} towns, {plans} with a plan, {len(wrong)} wrong"
    )
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)
    return towns, plans


def test_every_pair_is_there():
    assert len(FEATURES) == 32
    assert len(PAIRS) == 32 * 31 // 2 - len(SAME_BLOCK) - len(REFUSED) == 482


def test_some_pairs():
    towns, plans = check(PAIRS[::40], 1)
    assert plans >= 0.5 * towns


@pytest.mark.slow
@pytest.mark.parametrize("first", FEATURES)
def test_alone_and_pairs(first):
    pairs = [pair for pair in PAIRS if pair[0] == first]
    towns, plans = check([(first,), *pairs], SEEDS)
    assert plans >= 0.25 * towns


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_triples(part):
    rng = np.random.default_rng(part)
    names = list(FEATURES)
    drawn = (
        tuple(n for n in names if n in picked)
        for picked in iter(lambda: set(rng.choice(names, 3, replace=False).tolist()), None)
    )
    check(list(itertools.islice(filter(combine, drawn), TRIPLES // 10)), 1)


def test_coverage_with_the_gap_is_refused():
    with pytest.raises(InputError, match="the coverage model has no sales"):
        program_of(case_of(("coverage", "viability gap"), 1))


# --- from YAML to a recounted run folder, in the town made by hand --------------------------------


def _with(offers, **subsidy):
    """Return a section of offers with more keys in its subsidy section."""
    more = {**offers["offers"], "subsidy": {**offers["offers"]["subsidy"], **subsidy}}
    return {"offers": more}


ZONES = {"kind": "grid", "size_m": 3000}
GAP = {
    "offers": {
        "subsidy": {"rule": "gap", "gap_cap_share": 1.0, "charger_share": 0.0},
        "costs": {"land_bay_month_pkr": 0, "civil_bay_pkr": 0},
    }
}
FEW_OR_MANY = {
    "few": {"probability": 0.5, "case": "low"},
    "many": {"probability": 0.5, "case": "high"},
}
BLOCKS = {
    "coverage": {"program": {"model": "coverage"}},
    "decay": {"program": {"decay": {"kind": "exponential", "scale_min": 5}}},
    "people": {"program": {"objective": "people"}},
    "sessions": {"program": {"objective": "sessions"}},
    "floors": {"program": {"zones": ZONES, "zone_floor": 0.3}},
    "class floors": {"program": {"class_floor": 0.5}},
    "min_served_share": {"program": {"min_served_share": 0.5}},
    "fairness": {"program": {"zones": ZONES, "fairness": "max_min"}},
    "least_cost": {"program": {"least_cost": {"served_share": 0.5}}},
    "least_cost of reach": {"program": {"least_cost": {"served_share": 0.5, "of": "reachable"}}},
    "years": {"program": {"years": {"budgets_pkr": {2029: 2000, 2030: 3000}, "upgrades": True}}},
    "expected": {"program": {"scenarios": {"of": FEW_OR_MANY}}},
    "regret": {"program": {"scenarios": {"of": FEW_OR_MANY, "criterion": "regret"}}},
    "cvar": {"program": {"scenarios": {"of": FEW_OR_MANY, "criterion": "cvar", "alpha": 0.5}}},
    "alternatives": {"program": {"alternatives": {"count": 2, "differ_by": 1}}},
    "limits": {
        "program": {
            "limits": {
                "most_new_stations": 2,
                "envelopes": {"bikes": {"budget_pkr": 4000, "charger_groups": ["lev"]}},
                "at_least": {"east": {"sites": ["East pump"]}},
            }
        }
    },
    "least_gain": {"program": {"least_gain": {"per_million": 2000, "rule": "always"}}},
    "density": {
        "program": {
            "limits": {
                "density": {"square_km": 3},
                "least_kw_per_ev": 0.05,
                "ev_classes": ["two_wheeler"],
            }
        }
    },
    "gap": GAP,
    "hurdle": _with(GAP, hurdle={"sales_share": 0.9}),
    "concessions": _with(GAP, concessions={"sites": {"both": ["s0001", "s0002"]}}),
    "opening year": {**GAP, "money": {"opening_year": 2029}},
    "milp": {"solver": {"method": "milp"}},
    "greedy": {"solver": {"method": "greedy"}},
    "extend": {
        "candidates": {"existing": {"path": "old.csv"}, "merge_within_m": 100},
        "offers": {"existing_policy": "extend"},
    },
    "shortest drives": {"program": {"then": ["shortest_drives"]}},
    "cost to all": {"program": {"then": ["least_cost_to_all"]}},
}
# Pairs that a row of the table of refusals names.
NAMED = [
    {"coverage", "gap"},
    {"coverage", "hurdle"},
    {"coverage", "concessions"},
    {"coverage", "opening year"},
    {"years", "concessions"},
    {"years", "opening year"},
]
AIMS_OF_THEIR_OWN = {"fairness", "least_cost", "least_cost of reach", "regret", "cvar"}
# Pairs that set the same key.
SAME = [
    {"people", "sessions"},
    {"least_cost", "least_cost of reach"},
    {"expected", "regret"},
    {"expected", "cvar"},
    {"regret", "cvar"},
    {"milp", "greedy"},
    {"shortest drives", "cost to all"},
]


def named(pair):
    return " and ".join(sorted(pair))


def refused(pair):
    return pair in NAMED or len(pair & AIMS_OF_THEIR_OWN) > 1


YAML_PAIRS = [set(p) for p in itertools.combinations(BLOCKS, 2) if set(p) not in SAME]
# An eighth of the pairs runs to a folder; brute force checks every pair of features.
RUN_PAIRS = [p for p in YAML_PAIRS if sum(map(list(BLOCKS).index, p)) % 8 == 1 and not refused(p)]
# Every run of the tests includes these blocks; the other blocks run only with the slow tests.
OFTEN = {"years"}
INPUTS = ("demand", "offers", "reach", "compatibility", "cells", "candidates")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    path = write_town(tmp_path_factory.mktemp("town"))
    (path.parent / "fleet.csv").write_text(
        "year,vehicle_class,vehicles,low,high,source,confidence\n"
        "2030,two_wheeler,12,6,18,by hand,ASSUMPTION\n"
        "2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n",
        encoding="utf-8",
    )
    (path.parent / "old.csv").write_text(
        f"lon,lat,name,power_kw\n{LONS[1]},33.6,Old,7\n", encoding="utf-8"
    )
    return path


def merge(config, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            merge(config[key], value)
        else:
            config[key] = copy.deepcopy(value)


def asked(town, blocks):
    """Write the town's configuration with some blocks, and return the path of the file."""
    config = yaml.safe_load(town.read_text(encoding="utf-8"))
    for name in BLOCKS:
        if name in blocks:
            merge(config, BLOCKS[name])
    path = town.parent / "asked.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("block", often(BLOCKS, OFTEN))
def test_a_block_keeps_its_promises(town, tmp_path, block):
    path = asked(town, {block})
    assert siting.check(path).faults == []
    study = Study(path)
    before = {name: getattr(study, name).copy() for name in INPUTS}
    plan = study.plan

    # inputs are unchanged, and ids are kept
    for name, table in before.items():
        assert_frame_equal(pd.DataFrame(getattr(study, name)), pd.DataFrame(table))
    assert set(plan.outcome.offers) <= set(study.offers["offer_id"])
    assert set(plan.service["demand_id"]) <= set(study.demand["demand_id"])
    assert set(plan.service["site_id"]) <= set(plan.sites["site_id"])

    # the plan is proven and recounted
    assert plan.outcome.proof.status == "optimal"
    assert plan.outcome.proof.gap <= plan.outcome.proof.gap_asked + 1e-9
    assert len(plan.checks) >= 7
    assert plan.served_share > 0

    # the same input gives the same plan, and a folder with its tables and a report
    again = siting.run(path, out=tmp_path / "run")
    assert again.outcome.offers == plan.outcome.offers
    assert "A town by hand" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all((tmp_path / "run" / f"{name}.csv").is_file() for name in plan.tables)


@pytest.mark.slow
@pytest.mark.parametrize("pair", RUN_PAIRS, ids=named)
def test_a_pair_is_run_recounted_and_opened_again(town, tmp_path, pair):
    plan = siting.run(asked(town, pair), out=tmp_path / "run")
    # The greedy method cannot prove every aim, for example the least money.
    assert plan.outcome.status == "optimal" or ("greedy" in pair and pair & AIMS_OF_THEIR_OWN)
    assert len(plan.checks) > 5
    again = siting.plan_from_run(tmp_path / "run")
    assert again.headline() == plan.headline()
    assert len(again.checks) == len(plan.checks)


@pytest.mark.parametrize("pair", [p for p in YAML_PAIRS if refused(p)], ids=named)
def test_what_the_table_names_is_refused_from_the_yaml_alone(town, tmp_path, pair):
    with pytest.raises(ConfigError) as caught:
        siting.run(asked(town, pair), out=tmp_path / "run")
    assert TWO_FIRST in str(caught.value) or pair in NAMED
