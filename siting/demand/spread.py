"""A study area's energy spread over its cells."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.tables import CELLS, validate


def spread_demand(cells: gpd.GeoDataFrame, energy: pd.DataFrame) -> pd.DataFrame:
    """Return public charging energy by cell and vehicle class (kWh/day), in proportion to people.

    The rows of a class add up to its energy. That charging is wanted where people live is an
    assumption of this first form.

    Parameters
    ----------
    cells
        Demand cells with ``people``, as `make_cells` returns them.
    energy
        ``vehicle_class`` and ``demand_kwh_day`` (kWh/day), as `city_energy` returns them.

    Returns
    -------
    DataFrame
        ``demand_id``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``; in the order of the
        cells, then of the classes. Rows without energy are left out.

    Raises
    ------
    InputError
        If a table breaks its rules, nobody lives in the cells, or no energy is wanted.

    Examples
    --------
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_id": ["c1", "c2"], "people": [30.0, 10.0], "node_id": [1, 2], "snap_m": 0.0},
    ...     geometry=gpd.points_from_xy([0, 500], [0, 0]),
    ...     crs=32643,
    ... )
    >>> energy = pd.DataFrame({"vehicle_class": ["car"], "demand_kwh_day": [8.0]})
    >>> spread_demand(cells, energy)["demand_kwh_day"].to_list()
    [6.0, 2.0]
    """
    validate(cells, CELLS)
    wanted = energy["demand_kwh_day"].to_numpy(dtype=float, na_value=np.nan)
    classes = energy["vehicle_class"].astype(str)
    people = cells["people"].to_numpy(dtype=float)
    faults = []
    bad = ~(np.isfinite(wanted) & (wanted >= 0))
    if bad.any():
        faults.append(
            Fault(
                "energy, column demand_kwh_day",
                "not a number of at least 0",
                "",
                tuple(classes[bad]),
            )
        )
    elif not wanted.sum() > 0:
        faults.append(Fault("energy, column demand_kwh_day", "no class wants any energy"))
    if classes.duplicated().any():
        twice = tuple(classes[classes.duplicated()])
        faults.append(Fault("energy, column vehicle_class", "given twice", "", twice))
    if not people.sum() > 0:
        faults.append(Fault("cells, column people", "nobody lives in any cell"))
    if faults:
        raise InputError(faults)
    spread = np.outer(people / people.sum(), wanted)
    demand = pd.DataFrame(
        {
            "cell_id": np.repeat(cells["cell_id"].to_numpy(), len(classes)),
            "vehicle_class": np.tile(classes.to_numpy(), len(cells)),
            "demand_kwh_day": spread.ravel(),
        }
    )
    demand = demand[demand["demand_kwh_day"] > 0].reset_index(drop=True)
    demand.insert(0, "demand_id", [f"d{i:05d}" for i in range(1, len(demand) + 1)])
    return demand
