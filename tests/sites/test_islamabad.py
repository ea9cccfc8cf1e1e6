"""From real roads, people and amenities of Islamabad to demand and offers."""

import pytest

from siting.demand import (
    city_energy,
    city_figures,
    city_share,
    make_cells,
    national_fleet,
    read_people,
    spread_demand,
    vehicle_figures,
)
from siting.reference import table
from siting.roads import build_network, read_file
from siting.sites import (
    candidates_from_pois,
    charger_catalogue,
    compatibility,
    existing_stations,
    fee_figures,
    grid_figures,
    make_offers,
    merge_candidates,
)
from siting.tables import CANDIDATES, CELLS, DEMAND, OFFERS, validate


@pytest.fixture(scope="module")
def sectors(shared_data):
    graph = read_file(shared_data / "data/islamabad/islamabad_sectors_drive_20250515.graphml.gz")
    return build_network(graph, table("speeds"), "islamabad_rawalpindi")


@pytest.mark.slow
def test_demand_of_the_sectors(shared_data, sectors):
    path = shared_data / "data/islamabad/islamabad_ict_population_1km_worldpop2020.csv"
    cells = make_cells(read_people(path, "population", raster_deg=1 / 120), sectors)
    validate(cells, CELLS)
    near = cells[cells["node_id"].notna()]
    # The data's own count: 73 raster cells with 312,396 people on the network.
    assert near["people"].sum() == pytest.approx(312_396, rel=0.06)
    fleet = national_fleet(2030)
    city = city_figures("Islamabad")
    energy = city_energy(
        fleet,
        vehicle_figures(),
        city_share(city_figures("Islamabad"), fleet["vehicle_class"]),
        near["people"].sum() / city["people_2023"],
    )
    demand = spread_demand(near, energy)
    validate(demand, DEMAND)
    assert demand["demand_kwh_day"].sum() == pytest.approx(energy["demand_kwh_day"].sum(), rel=1e-9)
    # 26.2 MWh a day in the Territory of 2,363,863 people, for 323,000 of them.
    assert demand["demand_kwh_day"].sum() == pytest.approx(26_200 * 323 / 2_364, rel=0.1)


@pytest.mark.slow
def test_offers_of_the_sectors(shared_data, sectors):
    amenities = shared_data / "data/islamabad/islamabad_rawalpindi_amenities_osm_20251208.geojson"
    layers = [
        existing_stations(shared_data / "data/ev_chargers/pakistan_ev_chargers_ocm.csv"),
        candidates_from_pois(amenities, {"amenity": ["fuel", "parking"]}),
    ]
    sites, dropped = merge_candidates(layers, sectors, 75, 300)
    validate(sites, CANDIDATES)
    assert sites["existing"].sum() == 2  # Blue Area (180 kW) and Centaurus Mall (60 kW)
    assert sorted(sites.loc[sites["existing"], "existing_power_kw"]) == [60, 180]
    assert sites["merged"].sum() + len(sites) + len(dropped) == sum(map(len, layers))
    roads_m = sites.geometry.map(lambda point: sectors.edges.distance(point).min())
    assert (roads_m <= 300).all()
    assert (dropped["road_m"] > 300).all()
    offers = make_offers(
        sites,
        {"light": {"lev_3": 6, "ac_7": 2}, "fast": {"dc_60": 2}},
        chargers=charger_catalogue(),
        grid=grid_figures(),
        fees=fee_figures(),
        compatibility=compatibility(),
        availability=city_figures("Islamabad")["availability"],
    )
    validate(offers, OFFERS)
    assert len(offers) == 2 * (len(sites) - 2) + 2
    assert (offers["reason"] == "").all()
