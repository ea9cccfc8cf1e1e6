"""The assignment serves the most, over the shortest drives, within every limit."""

from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from brute_force import COMPATIBILITY, arcs_of, served, town
from conftest import seeds
from scipy.optimize import linprog

from siting.engine import assign
from siting.engine.fixed import plan_of
from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.program import Program
from siting.tables import SERVICE, validate

MODELS = ("capacitated", "coverage")
HAIR = 1 + 1e-8  # what a row served but for a hair is short of


def built(seed, **sizes):
    """Return a random town, its instance, and one offer at each site where one can be built."""
    tables = town(seed, **sizes)
    instance = Instance.from_tables(*tables, COMPATIBILITY, 9.0)
    rng = np.random.default_rng(seed)
    offers = pd.DataFrame({"offer": instance.offer_ids, "site": instance.offer_site})
    picks = offers.sample(frac=1, random_state=int(rng.integers(1 << 30))).drop_duplicates("site")
    return tables, instance, sorted(picks["offer"])


def least_minutes(demand, offers, reach, chosen):
    """Return the fewest kWh x minutes of any way to serve the most, over charger groups."""
    most = served(demand, offers, reach, chosen, True)
    arcs = arcs_of(demand, offers[offers["offer_id"].isin(chosen)], reach)
    rows = pd.factorize(arcs["demand_id"])[0]
    nodes = pd.factorize(arcs["site_id"] + arcs["charger_group"])[0]
    count = rows.max() + 1
    matrix = np.zeros((count + nodes.max() + 1, len(arcs)))
    matrix[rows, np.arange(len(arcs))] = 1
    matrix[count + nodes, np.arange(len(arcs))] = 1
    limit = np.zeros(len(matrix))
    limit[rows] = arcs["demand_kwh_day"]
    limit[count + nodes] = arcs["q"]
    total = np.ones((1, len(arcs)))
    return linprog(arcs["travel_min"], A_ub=matrix, b_ub=limit, A_eq=total, b_eq=[most]).fun


@pytest.mark.parametrize("seed", seeds(0, 6, 25))
def test_the_most_is_served_and_no_way_to_serve_it_is_shorter(seed):
    tables, instance, chosen = built(seed, cells=8)
    service = assign(instance, chosen)
    assert service["served_kwh_day"].sum() == pytest.approx(served(*tables, chosen, True), abs=1e-5)
    drives = (service["served_kwh_day"] * service["travel_min"]).sum()
    assert drives == pytest.approx(least_minutes(*tables, chosen), abs=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(0, 6, 25))
def test_nobody_drives_too_far_to_a_closed_site_or_takes_more_than_there_is(seed, model):
    (demand, offers, reach), instance, chosen = built(seed, cells=8)
    chosen = chosen[::2]
    service = assign(instance, chosen, model)
    validate(service, SERVICE)
    assert set(service["site_id"]) <= {name.split(":")[0] for name in chosen}
    pairs = service.merge(reach, on=["cell_id", "site_id"], suffixes=("", "_reach"))
    assert (pairs["travel_min"] == pairs["travel_min_reach"]).all()
    assert len(pairs) == len(service)
    taken = service.groupby("demand_id")["served_kwh_day"].sum()
    wanted = demand.set_index("demand_id")["demand_kwh_day"]
    assert (taken <= wanted.reindex(taken.index) * (1 + 1e-12)).all()
    if model == "coverage":
        assert (taken == wanted.reindex(taken.index)).all()
        return
    capacity = offers[offers["offer_id"].isin(chosen)].set_index("site_id")
    load = service.pivot_table(
        index="site_id", columns="vehicle_class", values="served_kwh_day", aggfunc="sum"
    ).reindex(columns=["two_wheeler", "three_wheeler", "car", "bus"])
    load, capacity = load.fillna(0.0), capacity.reindex(load.index)
    small = load["two_wheeler"] + load["three_wheeler"]
    both = capacity["capacity_ac_kwh_day"] + capacity["capacity_dc_kwh_day"]
    assert (small <= capacity["capacity_lev_kwh_day"] * HAIR + 1e-9).all()
    assert (load["bus"] <= capacity["capacity_dc_kwh_day"] * HAIR + 1e-9).all()
    assert (load["car"] + load["bus"] <= both * HAIR + 1e-9).all()


def test_the_cutoff_is_kept_when_a_near_station_is_full():
    demand = pd.DataFrame(
        [("d1", "c1", "car", 10.0)],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    _, offers, _ = town(0, sites=2, configurations=1, existing=False)
    offers = offers.assign(reason="", capacity_ac_kwh_day=0.0, capacity_dc_kwh_day=4.0)
    reach = pd.DataFrame(
        [("c1", "s0", 3.0), ("c1", "s1", 12.0)], columns=["cell_id", "site_id", "travel_min"]
    )
    tables = (demand, offers, reach, COMPATIBILITY, 9.0)
    near = assign(Instance.from_tables(*tables, cutoff_min=10.0), ["s0:0", "s1:0"])
    assert near["served_kwh_day"].tolist() == [pytest.approx(4.0)]
    far = assign(Instance.from_tables(*tables), ["s0:0", "s1:0"])
    assert far["served_kwh_day"].tolist() == [pytest.approx(4.0), pytest.approx(4.0)]


def test_classes_of_one_cell_and_the_same_chargers_share_alike():
    demand = pd.DataFrame(
        [("d1", "c1", "two_wheeler", 6.0), ("d2", "c1", "three_wheeler", 2.0)],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    _, offers, _ = town(0, sites=1, configurations=1, existing=False)
    offers = offers.assign(reason="", capacity_lev_kwh_day=4.0)
    reach = pd.DataFrame([("c1", "s0", 3.0)], columns=["cell_id", "site_id", "travel_min"])
    service = assign(Instance.from_tables(demand, offers, reach, COMPATIBILITY, 9.0), ["s0:0"])
    assert service["served_kwh_day"].tolist() == [pytest.approx(3.0), pytest.approx(1.0)]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_built_serves_nobody(model):
    _, instance, _ = built(1)
    service = assign(instance, [], model)
    validate(service, SERVICE)
    assert len(service) == 0


def test_the_nearest_is_the_first_by_id_where_two_are_as_near():
    demand = pd.DataFrame(
        [("d1", "c1", "car", 1.0)],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    _, offers, _ = town(0, sites=3, configurations=1, existing=False)
    offers = offers.assign(reason="", capacity_dc_kwh_day=[0.0, 4.0, 4.0], capacity_ac_kwh_day=0.0)
    reach = pd.DataFrame(
        [("c1", "s0", 1.0), ("c1", "s1", 3.0), ("c1", "s2", 3.0)],
        columns=["cell_id", "site_id", "travel_min"],
    )
    instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, 9.0)
    service = assign(instance, ["s0:0", "s1:0", "s2:0"], "coverage")
    assert service["site_id"].tolist() == ["s1"]  # s0 is nearer, but has nothing for cars


def test_a_model_that_is_not_there_is_refused():
    _, instance, chosen = built(1)
    with pytest.raises(InputError, match="no model 'magic'"):
        assign(instance, chosen, "magic")


@pytest.mark.slow
def test_a_city_is_assigned_in_seconds():
    rng = np.random.default_rng(0)
    cells, sites = 2000, 200
    classes = ["two_wheeler", "three_wheeler", "car", "bus"]
    demand = pd.DataFrame(
        [(f"c{c:04d}", name) for c in range(cells) for name in classes],
        columns=["cell_id", "vehicle_class"],
    ).assign(demand_kwh_day=lambda t: rng.uniform(1, 5, len(t)))
    demand.insert(0, "demand_id", [f"d{i:05d}" for i in range(len(demand))])
    x, y = rng.random((2, cells, 1)), rng.random((2, sites, 1))
    far = np.hypot(x[0] - y[0].T, x[1] - y[1].T) * 30
    at = np.argwhere(far < 6)
    reach = pd.DataFrame(
        {
            "cell_id": [f"c{c:04d}" for c in at[:, 0]],
            "site_id": [f"s{j:03d}" for j in at[:, 1]],
            "travel_min": far[far < 6],
        }
    )
    _, offers, _ = town(0, sites=1, configurations=1, existing=False)
    names = [f"s{j:03d}" for j in range(sites)]
    offers = offers.loc[[0] * sites].reset_index(drop=True).assign(
        site_id=names, offer_id=names, reason="", capacity_ac_kwh_day=20.0,
        capacity_dc_kwh_day=60.0, capacity_lev_kwh_day=50.0,
    )  # fmt: skip
    instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, 9.0)
    began = perf_counter()
    service = assign(instance, names)
    assert perf_counter() - began < 30  # a second on an idle machine
    assert service["served_kwh_day"].sum() > 0.9 * sites * 130 * 0.9


def test_drives_that_come_first_do_not_leave_stations_without_customers():
    _, instance, chosen = built(3, cells=8)
    most = plan_of(Program(instance), chosen)
    assert most.served_kwh_day > 0
    near = plan_of(Program(instance).shortest_drives(), chosen)
    assert near.served_kwh_day == pytest.approx(most.served_kwh_day)
