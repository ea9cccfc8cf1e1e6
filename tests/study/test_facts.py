"""Stations that add little energy for the public money that they draw."""

import pytest
from study.test_program import change
from town import write_town

import siting
from siting.config import load
from siting.study.facts import earnings, earnings_in_words

YEARS = {"budgets_pkr": {2029: 1000, 2030: 1000}}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    path = change(write_town(tmp_path_factory.mktemp("town")), years=YEARS)
    with (path.parent / "fleet.csv").open("a", encoding="utf-8") as fleet:
        fleet.write("2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n")
    return path.read_text(encoding="utf-8"), path, siting.run(path)


@pytest.mark.parametrize(
    ("asked", "little"),
    [
        ({}, 10.0),
        ({"per_million": 5000}, 5000.0),
        ({"rule": "always", "per_million": 5000}, 5000.0),
        ({"rule": "always", "per_million": 7, "money": "cost_pkr"}, 10.0),
        ({"rule": "always", "per_million_by_year": {2029: 6000, 2030: 4500}}, 4500.0),
    ],
)
def test_what_is_little_is_what_was_asked(ran, asked, little):
    text, path, plan = ran
    path.write_text(text, encoding="utf-8")
    assert sorted(plan.new_sites["name"]) == ["East pump", "West pump"]
    # Each of the two stations draws PKR 1,000, so 4 kWh/day are 4,000 kWh/day per PKR m.
    east = str(plan.new_sites.set_index("name").loc["East pump", "site_id"])
    lost = dict.fromkeys(plan.new_sites["site_id"].astype(str), 8.0) | {east: 4.0}
    facts = earnings(load(change(path, least_gain=asked)), plan, lost)
    assert facts["least_gain"] == little
    assert (facts["least_station"], facts["least"]) == (east, pytest.approx(4000))
    assert facts["below"] == ([east] if little > 4000 else [])
    assert bool(earnings_in_words(facts)) == bool(facts["below"])
