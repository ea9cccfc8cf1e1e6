"""The PuLP problem of each block in a small fixed town equals the file in ``golden``."""

from pathlib import Path

import pandas as pd
import pytest

from siting.program.aims import LeastMoney, LeastRegret, MostWorth, ShortestDrives
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.matrix import Reached
from siting.program.money import GapRule
from siting.program.objective import ExponentialDecay
from siting.program.program import Program

GOLDEN = Path(__file__).parent / "golden"
PLUGS = pd.DataFrame(
    [("lev", "bike"), ("ac", "car"), ("dc", "car"), ("dc", "bus")],
    columns=["charger_group", "vehicle_class"],
)
DEMAND = pd.DataFrame(
    [
        ("d1", "c1", "car", 8.0),
        ("d2", "c1", "bike", 4.0),
        ("d3", "c2", "car", 6.0),
        ("d4", "c2", "bus", 10.0),
        ("d5", "c3", "car", 2.0),
        ("d6", "c3", "bike", 0.0),
    ],
    columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
)
REACH = pd.DataFrame(
    [
        ("c1", "s1", 2.0), ("c1", "s2", 5.0), ("c2", "s2", 1.0), ("c2", "s3", 4.0),
        ("c3", "s2", 1.0), ("c3", "s3", 4.0),
    ],
    columns=["cell_id", "site_id", "travel_min"],
)  # fmt: skip
ZONES = pd.Series({"d1": "north", "d2": "north", "d3": "south", "d4": "south", "d5": "south"})
NOW = DEMAND.set_index("demand_id")["demand_kwh_day"]
LATER = NOW.add([0.0, 2.0, 3.0, 0.0, 2.0, 1.0])


def offers():
    """Return an existing station, its extension, and new stations at two sites."""
    rows = [
        # offer, site, existing, extends, cost, subsidy, ac, dc, lev
        ("s1:now", "s1", True, False, 0.0, 0.0, 5.0, 0.0, 0.0),
        ("s1:more", "s1", False, True, 3.0, 2.0, 5.0, 4.0, 3.0),
        ("s2:big", "s2", False, False, 9.0, 5.0, 6.0, 9.0, 2.0),
        ("s2:small", "s2", False, False, 4.0, 2.0, 6.0, 0.0, 0.0),
        ("s3:fast", "s3", False, False, 6.0, 3.0, 0.0, 12.0, 0.0),
    ]
    columns = ["offer_id", "site_id", "existing", "extends", "cost_pkr", "subsidy_pkr"]
    groups = [f"capacity_{g}_kwh_day" for g in ("ac", "dc", "lev")]
    table = pd.DataFrame(rows, columns=[*columns, *groups])
    return table.assign(
        configuration=table["offer_id"].str[3:],
        chargers="",
        power_kw=10.0,
        charger_cost_pkr=table["cost_pkr"],
        grid_cost_pkr=0.0,
        fee_cost_pkr=0.0,
        reason="",
    )


def asked(model="capacitated"):
    return Program(Instance.from_tables(DEMAND, offers(), REACH, PLUGS, 7.0), model)


def limits():
    new = ["s2:big", "s2:small", "s3:fast"]
    return (
        Limit("bikes", "envelope", "PKR", 2.5, {"s1:more": 0.5, "s2:big": 0.4}, per_rupee=True),
        Limit("feeder F7", "feeder", "kW", 40.0, {"s2:big": 25.0, "s2:small": 10, "s3:fast": 20}),
        Limit("new stations", "number", "stations", 1.0, dict.fromkeys(new, 1.0)),
        Limit("one of these", "at least", "stations", float("inf"), {"s3:fast": 1.0}, 1.0),
    )


def years(program):
    money, demand = {2027: 3.0, 2030: 4.0}, {2027: NOW, 2030: LATER}
    return program.years(money, demand, carry_over=True, upgrades=True, discount_rate=0.1)


def scenarios(program):
    return program.scenarios({"slow": 0.25, "fast": 0.75}, {"slow": NOW, "fast": LATER})


PROGRAMS = {
    "capacitated": lambda: asked().to_pulp(),
    "coverage": lambda: asked("coverage").to_pulp(),
    "coverage_decay": lambda: asked("coverage").decay(ExponentialDecay(5), 8).to_pulp(),
    "years_upgrades_carry": lambda: years(asked()).to_pulp(),
    "scenarios_regret": lambda: (
        scenarios(asked()).least_regret().to_pulp(LeastRegret((22.0, 26.0)))
    ),
    "tail_unserved": lambda: scenarios(asked()).tail(0.5, "unserved").to_pulp(),
    "tail_served": lambda: scenarios(asked()).tail(0.5, "served").to_pulp(),
    "gap": lambda: (
        asked().viability_gap(GapRule({"bike": 0.1, "car": 0.3, "bus": 0.2}, 0.5)).to_pulp()
    ),
    "gap_years_limits": lambda: (
        years(asked()).viability_gap(GapRule(0.2, 0.5)).limit(*limits()[:1]).to_pulp()
    ),
    "floors": lambda: (
        asked().floor({"north": 0.4}, of=ZONES).floor(0.2, of="class").worst_share(ZONES).to_pulp()
    ),
    "limits": lambda: (
        asked().limit(*limits()).require(["s3"]).differ_from(["s1:now", "s2:small"], 2).to_pulp()
    ),
    "net_worth": lambda: asked().net_worth(0.5, "cost_pkr").to_pulp(),
    "people": lambda: asked().worth(NOW * [5, 2, 1, 1, 3, 1], "people").to_pulp(),
    "kept": lambda: (
        asked()
        .floor(0.3)
        .to_pulp(ShortestDrives(), [Reached(MostWorth(), 21.0), Reached(LeastMoney(), 5.0)])
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_problem_is_as_on_file(name, tmp_path, golden):
    problem = PROGRAMS[name]()
    problem.checkDuplicateVars()
    problem.checkDuplicateConstraints()
    problem.writeLP(str(tmp_path / "written.lp"))
    golden(f"{name}.lp", (tmp_path / "written.lp").read_text())


def test_no_file_without_its_program():
    assert {path.stem for path in GOLDEN.glob("*.lp")} == set(PROGRAMS)
