"""What every program must hold, whatever it decides: one test over all of them."""

import pandas as pd
import pytest
from conftest import often
from pandas.testing import assert_frame_equal
from study.test_program import NO_LAND, ZONES, change
from town import write_town

import siting
from siting.study import Study, check

PROGRAMS = {
    "capacitated": {},
    "coverage": {"model": "coverage"},
    "greedy": {},
    "people": {"objective": "people"},
    "decay": {"decay": {"kind": "exponential", "scale_min": 3}},
    "floors": {"zones": ZONES, "zone_floor": 0.5},
    "max-min": {"zones": ZONES, "fairness": "max_min"},
    "least cost": {"least_cost": {"served_share": 0.5}},
    "set cover": {"model": "coverage", "least_cost": {"served_share": 1, "of": "reachable"}},
    "years": {"years": {"budgets_pkr": {2029: 1000, 2030: 1000}, "carry_over": True}},
    "expected": {"scenarios": {"of": {"a": {"probability": 0.5}, "b": {"probability": 0.5}}}},
    "regret": {
        "scenarios": {
            "criterion": "regret",
            "of": {"a": {"probability": 0.5}, "b": {"probability": 0.5}},
        }
    },
    "cvar": {
        "scenarios": {
            "criterion": "cvar",
            "of": {"a": {"probability": 0.5}, "b": {"probability": 0.5}},
        }
    },
    "alternatives": {"alternatives": {"count": 2, "differ_by": 1}},
    "limits": {"limits": {"most_new_stations": 1, "spacing_m": 100}},
    "viability gap": {},
}
# The others take as long each.
QUICK = {"years"}
INPUTS = ("demand", "offers", "reach", "compatibility", "cells", "candidates")


@pytest.fixture(params=often(PROGRAMS, QUICK))
def town(request, tmp_path):
    path = write_town(tmp_path / "town")
    fleet = path.parent / "fleet.csv"
    rows = fleet.read_text(encoding="utf-8") + "2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n"
    fleet.write_text(rows, encoding="utf-8")
    if request.param == "viability gap":
        change(path, section="offers", subsidy={"rule": "gap"}, costs=NO_LAND)
    if request.param == "greedy":
        change(path, section="solver", method="greedy")
    return change(path, **PROGRAMS[request.param])


def test_a_program_keeps_its_promises(town, tmp_path):
    assert check(town).faults == []
    study = Study(town)
    before = {name: getattr(study, name).copy() for name in INPUTS}
    plan = study.plan

    # inputs untouched, ids kept
    for name, table in before.items():
        assert_frame_equal(pd.DataFrame(getattr(study, name)), pd.DataFrame(table))
    known = set(study.offers["offer_id"])
    assert set(plan.outcome.offers) <= known
    assert set(plan.service["demand_id"]) <= set(study.demand["demand_id"])
    assert set(plan.service["site_id"]) <= set(plan.sites["site_id"])

    # proven or honest, and recounted
    assert plan.outcome.proof.status == "optimal"
    assert plan.outcome.proof.gap <= plan.outcome.proof.gap_asked + 1e-9
    assert len(plan.checks) >= 7
    assert plan.served_share > 0

    # the same input gives the same plan, and a folder that a report can be made of
    again = siting.run(town, out=tmp_path / "run")
    assert again.outcome.offers == plan.outcome.offers
    assert "A town by hand" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for name in plan.tables:
        assert (tmp_path / "run" / f"{name}.csv").is_file()
