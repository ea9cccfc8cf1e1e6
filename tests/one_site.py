"""The packaged figures, sites of any kind, and the offers of one site where everything fits."""

import geopandas as gpd
import pandas as pd

from siting.sites import charger_catalogue, compatibility, fee_figures, grid_figures, make_offers

TABLES = {
    "chargers": charger_catalogue(),
    "grid": grid_figures(),
    "fees": fee_figures(),
    "compatibility": compatibility(),
}


def sites(*existing_kw, **columns):
    """Return a site an argument: None for a new one, kW for a station that stands."""
    n = len(existing_kw)
    return gpd.GeoDataFrame(
        {
            "site_id": [f"s{i:04d}" for i in range(1, n + 1)],
            "name": "x",
            "kind": "fuel",
            "existing": [kw is not None for kw in existing_kw],
            "existing_power_kw": [kw or 0.0 for kw in existing_kw],
            "source": "test",
            "node_id": pd.array(range(n), dtype="Int64"),
            "snap_m": 0.0,
        }
        | columns,
        geometry=gpd.points_from_xy(range(n), range(n)),
        crs=32643,
    )


def offers_of(configurations, **figures):
    """Return the offers of one site with power and bays for any of them."""
    place = sites(None, bays=[1e6])
    return make_offers(place, configurations, headroom_kw=1e6, **(TABLES | figures))
