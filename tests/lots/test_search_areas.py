"""Search areas held to the drives themselves: each junction of a circle tried as the place."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from conftest import seeds
from street_grid import somewhere, street_grid

from siting.lots.lots import with_areas
from siting.roads import reach

CUTOFF, ACCESS, LOSS, MOST = 4.0, 15.0, 0.05, 1500.0


@pytest.mark.parametrize("seed", seeds(0, 8, 60))
def test_any_place_in_the_circle_loses_no_more_and_the_next_one_does(seed):
    rng = np.random.default_rng(seed)
    network = street_grid(rng, 7)
    homes, _ = somewhere(rng, network, 20)
    cells = pd.DataFrame({"cell_id": [f"c{n}" for n in range(20)], "node_id": homes,
                          "snap_m": rng.uniform(0, 150, 20)})  # fmt: skip
    nodes, xy = somewhere(rng, network, 4)
    sites = pd.DataFrame(
        {"site_id": list("abcd"), "node_id": nodes, "snap_m": rng.uniform(0, 90, 4)}
    )
    table = reach(network, cells, sites, CUTOFF, ACCESS)
    service = table.assign(vehicle_class="car", served_kwh_day=rng.uniform(1, 30, len(table)))
    stations = gpd.GeoDataFrame(sites, geometry=gpd.points_from_xy(*xy.T), crs=32643)
    areas = with_areas(stations, service, cells, network, cutoff_min=CUTOFF, access_kmh=ACCESS,
                       loss=LOSS, most_m=MOST)  # fmt: skip
    assert areas["radius_m"].between(0, MOST).all()
    for row in areas.itertuples():
        kwh = service[service["site_id"] == row.site_id].set_index("cell_id")["served_kwh_day"]
        away = network.nodes.geometry.distance(row.geometry)
        places = pd.DataFrame({"site_id": network.nodes.index.astype(str),
                               "node_id": network.nodes.index, "snap_m": row.snap_m})  # fmt: skip
        there = reach(network, cells, places, CUTOFF, ACCESS)
        kept = there.assign(kwh=there["cell_id"].map(kwh).fillna(0)).groupby("site_id")["kwh"].sum()
        lost = 1 - kept.reindex(network.nodes.index.astype(str)).fillna(0).to_numpy() / kwh.sum()
        inside = (away <= row.radius_m).to_numpy()
        assert lost[inside].max(initial=0) <= LOSS + 1e-9
        assert row.loss_share == pytest.approx(lost[inside].max(initial=0), abs=1e-9)
        if row.radius_m < MOST:  # the next ten metres hold a place that loses more
            beyond = (away <= row.radius_m + 10 + 1e-6).to_numpy()
            assert lost[beyond].max() > LOSS
