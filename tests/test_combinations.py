"""Every pair of blocks from YAML to a recounted run folder, on the town by hand."""

import copy
import itertools

import pytest
import yaml
from conftest import often
from town import LONS, write_town

import siting
from siting.config.refusals import TWO_FIRST
from siting.errors import ConfigError

ZONES = {"kind": "grid", "size_m": 3000}
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
    "gap": {
        "offers": {
            "subsidy": {"rule": "gap", "gap_cap_share": 1.0, "charger_share": 0.0},
            "costs": {"land_bay_month_pkr": 0, "civil_bay_pkr": 0},
        }
    },
    "milp": {"solver": {"method": "milp"}},
    "greedy": {"solver": {"method": "greedy"}},
    "extend": {
        "candidates": {"existing": {"path": "old.csv"}, "merge_within_m": 100},
        "offers": {"existing_policy": "extend"},
    },
    "shortest drives": {"program": {"then": ["shortest_drives"]}},
    "cost to all": {"program": {"then": ["least_cost_to_all"]}},
}
FIRST = {"fairness", "least_cost", "least_cost of reach", "regret", "cvar"}
# Two settings of one key.
SAME = [
    {"people", "sessions"},
    {"least_cost", "least_cost of reach"},
    {"expected", "regret"},
    {"expected", "cvar"},
    {"regret", "cvar"},
    {"milp", "greedy"},
    {"shortest drives", "cost to all"},
]
PAIRS = [set(p) for p in itertools.combinations(BLOCKS, 2) if set(p) not in SAME]
# In every run of the tests; the others are slow ones.
OFTEN = [
    {"years", "expected"},
    {"years", "extend"},
    {"years", "gap"},
    {"regret", "limits"},
    {"fairness", "decay"},
    {"least_cost", "limits"},
    {"coverage", "milp"},
    {"shortest drives", "sessions"},
    {"least_gain", "years"},
    {"density", "extend"},
    {"cost to all", "years"},
    {"cost to all", "regret"},
]


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


def run(town, pair, out):
    config = yaml.safe_load(town.read_text(encoding="utf-8"))
    for name in BLOCKS:
        if name in pair:
            merge(config, BLOCKS[name])
    path = town.parent / "pair.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return siting.run(path, out=out)


def named(pair):
    return " and ".join(sorted(pair))


def refused(pair):
    return pair == {"coverage", "gap"} or len(pair & FIRST) > 1


@pytest.mark.parametrize(
    "pair",
    often([p for p in PAIRS if not refused(p)], OFTEN),
    ids=named,
)
def test_a_pair_is_run_recounted_and_opened_again(town, tmp_path, pair):
    plan = run(town, pair, tmp_path / "run")
    # Greedy proves what it can: not always the least money.
    assert plan.outcome.status == "optimal" or ("greedy" in pair and pair & FIRST)
    assert len(plan.checks) > 5
    again = siting.plan_from_run(tmp_path / "run")
    assert again.headline() == plan.headline()
    assert len(again.checks) == len(plan.checks)


@pytest.mark.parametrize("pair", [p for p in PAIRS if refused(p)], ids=named)
def test_what_the_table_names_is_refused_from_the_yaml_alone(town, tmp_path, pair):
    with pytest.raises(ConfigError) as caught:
        run(town, pair, tmp_path / "run")
    assert TWO_FIRST in str(caught.value) or pair == {"coverage", "gap"}
