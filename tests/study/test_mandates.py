"""Mandates in the town: the sites that owners must equip, who pays, and the cost, by hand."""

import pytest
from town import LAT, LONS, write_town

import siting
from siting.errors import InputError
from siting.review import verify_run

HEAD = "lon,lat,name,brand,province\n"


@pytest.fixture
def town(tmp_path):
    path = write_town(tmp_path / "town")
    rows = [(LONS[1], "West pump", "PSO", "P"), (LONS[-2], "East pump", "Shell", "P"),
            (LONS[-1], "End pump", "Shell", "S")]  # fmt: skip
    (path.parent / "sites.csv").write_text(
        HEAD + "".join(f"{lon},{LAT},{name},{brand},{place}\n" for lon, name, brand, place in rows)
    )
    return path


def run(town, mandate, budget=1_000, **how):
    keys = [f"program.limits.mandates={{pumps: {mandate}}}", f"program.budget_pkr={budget}"]
    return siting.run(town, keys, **how)


@pytest.mark.slow
def test_each_owner_equips_his_share_and_hears_what_it_costs(town):
    # The money pays for two hubs. Each owner must equip one site, which is also the best plan.
    plan = run(town, "{column: brand, share: 0.5}", 2_000)
    table = plan.tables["mandates"].set_index("mandate")
    assert table["places"].to_dict() == {"pumps: PSO": 1, "pumps: Shell": 2}
    assert table["must"].to_dict() == {"pumps: PSO": 1, "pumps: Shell": 1}
    assert table["equipped"].tolist() == [1, 1]
    assert table["worth"].tolist() == pytest.approx([8, 4])
    assert table["loses"].tolist() == pytest.approx([0, 0])
    lines = {line.field: line.text for line in plan.outcome.lines}
    assert lines["mandates_cost"] == "0 kWh/day"


@pytest.mark.slow
def test_a_run_with_a_mandate_verifies(town, tmp_path):
    run(town, "{column: brand, share: 0.5}", 2_000, out=tmp_path / "run")
    assert verify_run(tmp_path / "run").faults == []


@pytest.mark.slow
def test_pooled_owners_may_leave_it_to_one_of_them(town):
    plan = run(town, "{column: brand, share: 0.3, pooled: true}")
    assert plan.new_sites["name"].tolist() == ["West pump"]
    with pytest.raises(siting.SitingError, match="pumps: Shell"):
        run(town, "{column: brand, share: 0.3}")


@pytest.mark.slow
def test_a_share_by_province_holds_in_each(town):
    plan = run(town, "{column: brand, share: 0.5, by: province}", 3_000)
    assert set(plan.tables["mandates"]["mandate"]) == {
        "pumps: PSO / P", "pumps: Shell / P", "pumps: Shell / S",
    }  # fmt: skip
    assert len(plan.new_sites) == 3


@pytest.mark.slow
def test_on_the_owners_money_he_builds_so_many_and_no_more(town, tmp_path):
    plan = run(town, "{column: brand, share: 0.5, money: owner}", 0, out=tmp_path / "run")
    assert plan.outcome.subsidy_pkr == 0
    assert plan.tables["mandates"]["equipped"].tolist() == [1, 1]
    assert verify_run(tmp_path / "run").faults == []


@pytest.mark.parametrize(
    ("mandate", "where"),
    [
        ("{column: company, share: 0.1}", "column: no layer of candidates has a column 'company'"),
        ("{column: brand, share: 0.1, by: tehsil}", "by: no layer of candidates has a column"),
    ],
)
def test_a_mandate_without_a_column_is_refused_with_those_there_are(town, mandate, where):
    with pytest.raises(InputError, match=where) as caught:
        run(town, mandate)
    assert "brand, province" in str(caught.value)
    assert "geometry" not in str(caught.value)
