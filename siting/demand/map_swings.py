"""Assumptions about charging places that move the map at a constant total."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.demand.spread import spread_demand
from siting.demand.surfaces import SURFACES, destination_shares


def map_swings(
    cells: gpd.GeoDataFrame,
    energy: pd.DataFrame,
    surfaces: pd.DataFrame,
    weights: pd.DataFrame,
    pois: tuple[gpd.GeoDataFrame, pd.DataFrame] | None = None,
    ownership: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the effect of each assumption on charging places, the strongest first.

    One figure at a time, at the ends of its range: each class's weight of a surface, the others in
    proportion, and each place's weight. The effect is half the sum of the absolute changes of the
    cells' shares of the total, the larger of the two ends.

    `cells`, `energy`, `surfaces`, `weights`, `ownership`: as in `siting.demand.spread_demand`;
    demand at depots is not moved. `pois`: places and their weights as in `siting.demand.surfaces`;
    without them only the surfaces' weights are tried. Columns: ``figure`` (``home``,
    ``destination``, ``en_route``, or ``poi_weight amenity=bank``), ``vehicle_class`` (blank: all),
    ``moved_cells_share``, ``source``, ``confidence``.
    """
    before = _by_cell(spread_demand(cells, energy, surfaces, weights, ownership=ownership), cells)
    rows = []

    def moved(changed_surfaces: pd.DataFrame, changed_weights: pd.DataFrame) -> float:
        spread = spread_demand(
            cells, energy, changed_surfaces, changed_weights, ownership=ownership
        )
        after = _by_cell(spread, cells)
        return float(np.abs(after - before).sum() / 2 / before.sum())

    wanted = set(energy["vehicle_class"])
    for at, row in weights.iterrows():
        for surface in SURFACES:
            if row["vehicle_class"] not in wanted:
                continue
            others = [name for name in SURFACES if name != surface]
            rest = row[others].astype(float)
            ends = []
            for end in ("low", "high"):
                changed = weights.copy()
                changed.loc[at, surface] = at_end = float(row[f"{surface}_{end}"])
                if rest.sum() > 0:
                    changed.loc[at, others] = rest * (1.0 - at_end) / rest.sum()
                ends.append(moved(surfaces, changed))
            named = (row["vehicle_class"], max(ends), row["source"], row["confidence"])
            rows.append((surface, *named))
    if pois is not None:
        places, poi_weights = pois
        for at, row in poi_weights.iterrows():
            ends = []
            for end in ("low", "high"):
                changed = poi_weights.copy()
                changed.loc[at, "weight"] = row[end]
                share = destination_shares(cells, places, changed)
                there = surfaces.assign(destination=share.loc[surfaces["cell_id"]].to_numpy())
                ends.append(moved(there, weights))
            name = f"poi_weight {row['osm_key']}={row['osm_value']}"
            rows.append((name, "", max(ends), row["source"], row["confidence"]))
    columns = ["figure", "vehicle_class", "moved_cells_share", "source", "confidence"]
    swings = pd.DataFrame(rows, columns=columns)
    swings = swings[swings["moved_cells_share"] > 0]
    return swings.sort_values(
        ["moved_cells_share", "figure", "vehicle_class"],
        ascending=[False, True, True],
        ignore_index=True,
    )


def _by_cell(demand: pd.DataFrame, cells: gpd.GeoDataFrame) -> np.ndarray:
    sums = demand.groupby("cell_id")["demand_kwh_day"].sum()
    return sums.reindex(cells["cell_id"]).fillna(0.0).to_numpy(dtype=float)
