"""Distance and energy per vehicle class, and the shares charged at home and in public."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from siting.demand.figures import Limits, Overrides, read_figures, weakest

VEHICLE_LIMITS = {
    "kwh_km": Limits("kWh/km"),
    "km_day": Limits("km/day"),
    "charging_efficiency": Limits("share", least=0.1, most=1.0, default=1.0),
    "electric_km_share": Limits("share", most=1.0, default=1.0),
    "home_share": Limits("share", most=1.0),
    "housing_weight": Limits("share", most=1.0, default=0.0),
    "ownership_weight": Limits("share", most=1.0, default=0.0),
}


def vehicle_figures(path: Path | None = None, overrides: Overrides | None = None) -> pd.DataFrame:
    """Return kWh/km, km/day, efficiency, and home and public shares by vehicle class.

    The energy of a vehicle is ``km_day * electric_km_share * kwh_km / charging_efficiency`` kWh a
    day at the charger. ``electric_km_share`` is below 1 for classes with plug-in hybrids. The
    package's ``kwh_km`` is measured at the wall and includes charging losses, so the efficiency is
    1. A ``kwh_km`` measured at the battery also needs a ``charging_efficiency`` (about 0.9).

    `path` is a table whose rows replace rows of ``siting/reference/vehicles.csv`` for the same
    class and figure. `overrides` changes figures of a class: any of `VEHICLE_LIMITS`, or
    ``public_share``, which applies in every zone, regardless of housing. A new class needs
    ``kwh_km``, ``km_day`` and either ``home_share`` or ``public_share``.

    Columns: ``vehicle_class``; each figure with ``…_low``, ``…_high``, ``…_source``,
    ``…_confidence``; ``public_share`` (1 - ``home_share``) with its range; the class's ``source``
    and the lowest ``confidence`` of its figures. Raises one `InputError` that lists all unknown
    figures, incomplete new classes and invalid values.

    >>> figures = vehicle_figures(overrides={"car": {"km_day": 35}}).set_index("vehicle_class")
    >>> figures.loc["car", ["kwh_km", "km_day"]].to_list()
    [0.17, 35.0]
    >>> round(float(figures.loc["car", "public_share"]), 2)
    0.3
    """
    long = read_figures("vehicles", VEHICLE_LIMITS, path, _at_home(overrides or {}))
    classes = list(dict.fromkeys(long["vehicle_class"]))
    wide = pd.DataFrame({"vehicle_class": classes})
    by_figure = long.set_index(["figure", "vehicle_class"])
    for figure in VEHICLE_LIMITS:
        rows = by_figure.loc[figure].loc[classes]
        wide[figure] = rows["value"].to_numpy()
        for column in ("low", "high", "source", "confidence"):
            wide[f"{figure}_{column}"] = rows[column].to_numpy()
    wide["public_share"] = 1 - wide["home_share"]
    wide["public_share_low"] = 1 - wide["home_share_high"]
    wide["public_share_high"] = 1 - wide["home_share_low"]
    stated = long[long["figure"].isin(["kwh_km", "km_day", "home_share"])]
    stated = stated.assign(source=stated["figure"] + ": " + stated["source"])
    joined = {"source": "; ".join, "confidence": weakest}
    wide[list(joined)] = stated.groupby("vehicle_class").agg(joined).loc[classes].to_numpy()
    return wide


def _at_home(overrides: Overrides) -> dict[str, dict[str, float]]:
    """Return the overrides, with public shares turned into home shares."""
    turned = {vehicle: dict(changes) for vehicle, changes in overrides.items()}
    for given in turned.values():
        if "public_share" in given:
            given.update(home_share=1 - given.pop("public_share"), housing_weight=0.0)
    return turned
