"""An instance matches its tables in any order of rows, and its error lists every problem."""

import numpy as np
import pandas as pd
import pytest
from brute_force import COMPATIBILITY, town

from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.program import Program

TABLES = ("demand", "offers", "reach", "compatibility")


def small(**changes):
    """Return the tables of a town with two sites and three cells, some of them changed."""
    demand = pd.DataFrame(
        [
            ("d1", "c1", "car", 5.0),
            ("d2", "c2", "car", 7.0),
            ("d3", "c3", "two_wheeler", 2.0),
            ("d4", "c3", "three_wheeler", 1.0),
            ("d5", "c1", "bus", 0.0),
        ],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    money = {"charger_cost_pkr": 10.0, "grid_cost_pkr": 0.0, "fee_cost_pkr": 0.0, "cost_pkr": 10.0}
    offers = pd.DataFrame(
        [
            ("s1:a", "s1", "a", "", False, 1.0, 0.0, 4.0, 3.0, ""),
            ("s1:b", "s1", "b", "", False, 1.0, 5.0, 0.0, 0.0, ""),
            ("s2:a", "s2", "a", "", False, 1.0, 0.0, 4.0, 3.0, ""),
        ],
        columns=[
            "offer_id", "site_id", "configuration", "chargers", "existing", "power_kw",
            "capacity_ac_kwh_day", "capacity_dc_kwh_day", "capacity_lev_kwh_day", "reason",
        ],
    ).assign(subsidy_pkr=6.0, **money)  # fmt: skip
    reach = pd.DataFrame(
        [
            ("c1", "s1", 2.0), ("c1", "s2", 4.0), ("c2", "s1", 3.0), ("c2", "s2", 5.0),
            ("c3", "s1", 1.0),
        ],
        columns=["cell_id", "site_id", "travel_min"],
    )  # fmt: skip
    tables = {
        "demand": demand,
        "offers": offers,
        "reach": reach,
        "compatibility": COMPATIBILITY,
        "budget_pkr": 12.0,
    }
    for name, change in changes.items():
        tables[name] = change(tables[name]) if callable(change) else change
    return tables


def fault_of(**changes):
    with pytest.raises(InputError) as caught:
        Instance.from_tables(**small(**changes))
    return str(caught.value)


def cell(column, row, value):
    """Return a change that sets one value of a table."""

    def change(table):
        out = table.copy()
        out.loc[row, column] = value
        return out

    return change


def test_an_instance_keeps_ids_capacities_and_sparse_reach():
    instance = Instance.from_tables(**small())
    assert instance.offer_ids.tolist() == ["s1:a", "s1:b", "s2:a"]
    assert instance.group_names == ("ac", "dc", "lev")
    assert instance.offer_capacity.tolist() == [[0, 4, 3], [5, 0, 0], [0, 4, 3]]
    assert instance.demand_kwh_day == 15.0
    assert len(instance.reach_site) == 5
    assert "5 demand rows (15 kWh/day), 3 offers at 2 sites, 5 pairs in reach" in repr(instance)
    with pytest.raises(ValueError, match="read-only"):
        instance.demand_kwh[0] = 99.0


def test_row_order_changes_nothing_and_the_tables_stay_as_they_were():
    tables = small()
    before = {name: tables[name].copy() for name in TABLES}
    first = Instance.from_tables(**tables)
    mixed = {name: tables[name].sample(frac=1, random_state=3) for name in TABLES}
    again = Instance.from_tables(**tables | mixed)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(again, name), err_msg=name)
    for name in TABLES:
        pd.testing.assert_frame_equal(tables[name], before[name])


def test_offers_that_are_ruled_out_are_left_out():
    instance = Instance.from_tables(**small(offers=cell("reason", 0, "needs 90 kW, headroom 50")))
    assert instance.offer_ids.tolist() == ["s1:b", "s2:a"]


def test_a_missing_reason_is_a_blank_one():
    instance = Instance.from_tables(**small(offers=lambda t: t.assign(reason=None)))
    assert len(instance.offer_ids) == 3


def standing(table):
    out = table.copy()
    money = ["cost_pkr", "subsidy_pkr", "charger_cost_pkr"]
    out.loc[0, ["existing", *money]] = [True, 0.0, 0.0, 0.0]
    return out


def test_an_existing_station_takes_the_place_of_other_offers_at_its_site():
    instance = Instance.from_tables(**small(offers=standing))
    assert instance.offer_ids.tolist() == ["s1:a", "s2:a"]
    assert instance.offer_existing.tolist() == [True, False]


def test_a_cutoff_leaves_out_what_is_farther():
    instance = Instance.from_tables(**small(), cutoff_min=3.0)
    assert instance.reach_min.max() == 3.0
    assert len(instance.reach_site) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget_pkr": -1.0}, "budget_pkr: is -1.0; enter an amount of PKR"),
        ({"budget_pkr": float("nan")}, "budget_pkr: is nan"),
        ({"budget_pkr": float("inf")}, "budget_pkr: is inf"),
        ({"demand": cell("demand_kwh_day", 1, -3.0)}, "below 0 kWh/day (d2)"),
        ({"demand": cell("demand_kwh_day", 1, np.nan)}, "1 is missing (d2)"),
        ({"demand": cell("demand_id", 1, "d1")}, "duplicate (d1)"),
        ({"demand": cell("vehicle_class", 1, "tram")}, "not in the compatibility table (tram)"),
        ({"reach": cell("site_id", 1, "s9")}, "some sites have no offer, not even"),
        ({"compatibility": lambda t: t[t["charger_group"] != "lev"]}, "fit no vehicle class"),
        ({"demand": lambda t: t.assign(demand_kwh_day=0.0)}, "serve, because all 5 rows are 0"),
        ({"demand": lambda t: t.iloc[:0]}, "nothing to serve, because there are no rows"),
        ({"offers": lambda t: t.assign(reason="no grid")}, "of 3 offers can be built: 3 x no grid"),
        ({"offers": cell("subsidy_pkr", 2, 11.0)}, "some subsidies are above cost_pkr (s2:a)"),
        ({"offers": lambda t: standing(t).assign(reason="too far")}, "have a reason against"),
        ({"offers": cell("existing", 0, True)}, "stations have a cost or a subsidy (s1:a)"),
        ({"offers": lambda t: t.assign(existing=True)}, "have more than one existing offer (s1)"),
    ],
)
def test_a_fault_is_named_with_table_column_and_rows(changes, words):
    assert words in fault_of(**changes)


def test_all_faults_are_named_at_once():
    said = fault_of(
        budget_pkr=-1.0,
        demand=cell("demand_kwh_day", 1, -3.0),
        reach=cell("travel_min", 0, -1.0),
    )
    assert all(word in said for word in ("budget_pkr", "demand_kwh_day", "travel_min"))


@pytest.mark.parametrize("cutoff", [0.0, -2.0, float("nan")])
def test_a_cutoff_that_lets_nobody_drive_is_refused(cutoff):
    with pytest.raises(InputError, match="cutoff_min"):
        Instance.from_tables(**small(), cutoff_min=cutoff)


def test_nothing_within_the_cutoff_says_how_far_the_nearest_is():
    with pytest.raises(InputError) as caught:
        Instance.from_tables(**small(), cutoff_min=0.5)
    said = str(caught.value)
    assert "none of 4 demand rows can reach any of 2 sites with 3 offers within 0.5 min" in said
    assert "the shortest drive takes 1.0 min; raise the cutoff to 1 min or more" in said


def test_an_empty_reach_says_what_to_do():
    assert "raise the cutoff" in fault_of(reach=lambda t: t.iloc[:0])


def test_chargers_that_nobody_can_use_are_told_from_reach():
    said = fault_of(demand=lambda t: t[t["vehicle_class"] == "two_wheeler"].assign(cell_id="c1"),
                    offers=lambda t: t.assign(capacity_lev_kwh_day=0.0))  # fmt: skip
    assert "can use the chargers of the sites within its reach (2 pairs)" in said


def test_unknown_offers_and_two_at_a_site_are_refused():
    instance = Instance.from_tables(**small())
    with pytest.raises(InputError, match="s7:z"):
        instance.positions_of(["s1:a", "s7:z"])
    with pytest.raises(InputError, match="more than one of the given offers"):
        instance.positions_of(["s1:a", "s1:b"])


def test_rows_of_equal_chargers_and_equal_sites_are_one():
    demand = Program(Instance.from_tables(**small())).service()
    # The cars of c1 and c2 reach the same sites; so do the two- and three-wheelers of c3.
    assert demand.row_of_demand.tolist() == [0, 0, 1, 1, -1]
    assert demand.kwh[:, 0].tolist() == [12.0, 3.0]
    assert [demand.kinds[k] for k in demand.kind] == [(0, 1), (2,)]


def test_sites_without_chargers_that_fit_do_not_count_as_reach():
    tables = small(offers=lambda t: t.assign(capacity_lev_kwh_day=[0.0, 0.0, 3.0]))
    demand = Program(Instance.from_tables(**tables)).service()
    assert demand.row_of_demand.tolist() == [0, 0, -1, -1, -1]
    assert demand.kwh.sum() == 12.0


@pytest.mark.parametrize("seed", range(20))
def test_merging_conserves_energy_and_reach(seed):
    tables = (*town(seed, sites=4, cells=12), COMPATIBILITY)
    instance = Instance.from_tables(*tables, 5.0)
    demand = Program(instance).without_budget().service()
    usable = instance.uses @ instance.site_groups.T
    for i, row in enumerate(demand.row_of_demand):
        at = instance.demand_cell[i]
        sites = instance.reach_site[instance.reach_start[at] : instance.reach_start[at + 1]]
        sites = sites[usable[instance.demand_class[i], sites]]
        if row < 0:
            assert instance.demand_kwh[i] == 0 or not len(sites)
        else:
            assert sites.tolist() == demand.site[demand.start[row] : demand.start[row + 1]].tolist()
    kept = demand.row_of_demand >= 0
    assert demand.kwh.sum() == pytest.approx(instance.demand_kwh[kept].sum())


def test_references_between_tables_are_checked_all_at_once():
    said = fault_of(
        demand=lambda t: t.assign(vehicle_class="tram"),
        reach=lambda t: t.assign(site_id="s9"),
        budget_pkr=-1.0,
    )
    assert "budget" in said
    assert "s9" in said


def test_no_demand_at_all_is_an_error():
    assert "demand" in fault_of(demand=lambda t: t.assign(demand_kwh_day=0.0))
