"""Public charging demand of a city and its zones, computed from vehicle figures with sources.

For each vehicle class and each zone of the study area, the demand is::

    vehicles = vehicles in the country x city's share x area's share of the city x zone's share
    kWh/day  = vehicles x km/day x share of the km on electricity x kWh/km / charging efficiency
               x public share of the zone

`siting.demand.housing` has the formulas for the zone's share and for the public share of the zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.demand.figures import weakest
from siting.demand.housing import EFFECTS, Array, Housing, crossed, home_shares, housing_effects
from siting.errors import Fault, refuse
from siting.files import missing_columns, rows_fault

CLASS_FIGURES = {
    "kwh_km": "kWh/km",
    "km_day": "km/day",
    "charging_efficiency": "share",
    "electric_km_share": "share",
    "home_share": "share",
}


@dataclass(frozen=True)
class Area:
    """The data of a study area: its vehicles, their use, and its zones."""

    # `fleet`, `vehicles`, `city_share` and `area_share` are as in `city_energy`.
    fleet: pd.DataFrame
    vehicles: pd.DataFrame
    city_share: pd.DataFrame
    # Columns: ``zone_id``, ``people`` and, if known, ``renting_share``, ``high_rise_share`` (both 0
    # to 1) and ``ownership`` (vehicles per head, or a proxy). None means a single zone, ``all``.
    zones: pd.DataFrame | None = None
    area_share: float = 1.0
    effects: Mapping[str, float] | None = None  # as in `housing_effects`


def city_energy(
    fleet: pd.DataFrame, vehicles: pd.DataFrame, city_share: pd.DataFrame, area_share: float = 1.0
) -> pd.DataFrame:
    """Return the public charging demand (kWh/day) of a study area, one row per vehicle class.

    The area is treated as one zone with unknown housing. For several zones, use `zone_energy`.

    Parameters
    ----------
    fleet
        The country's vehicles by class, as `national_fleet` returns them. `area_share` does not
        apply to classes for which an optional column ``in_area`` is true.
    vehicles
        Figures per class, as `vehicle_figures` returns them.
    city_share
        City shares per class, as the function `city_share` returns them.
    area_share
        The share of the city's people who live in the study area, above 0 and at most 1.

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``country_vehicles``, ``city_share``, ``area_share``, ``vehicles`` (in
        the area), ``kwh_km``, ``km_day``, ``charging_efficiency``, ``electric_km_share``,
        ``home_share``, ``public_share``, ``demand_kwh_day``, ``source``, ``confidence`` (the lowest
        confidence of the inputs). Rows are in the order of `fleet`.

    Raises
    ------
    InputError
        If a class of the fleet has no figures or no city share, or `area_share` is invalid.

    Examples
    --------
    Lahore in 2030:

    >>> from siting.demand import city_figures, city_share, national_fleet, vehicle_figures
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(city_figures("Lahore"), fleet["vehicle_class"])
    >>> energy = city_energy(fleet, vehicle_figures(), shares)
    >>> int(energy["demand_kwh_day"].sum().round(-4))
    120000
    """
    use, share = _aligned(fleet, vehicles, city_share, area_share)
    energy = pd.DataFrame({"vehicle_class": fleet["vehicle_class"].astype(str).to_numpy()})
    energy["country_vehicles"] = fleet["vehicles"].to_numpy(dtype=float)
    energy["city_share"] = share["city_share"].to_numpy(dtype=float)
    energy["area_share"] = np.where(in_area(fleet), 1.0, area_share)
    energy["vehicles"] = energy["country_vehicles"] * energy["city_share"] * energy["area_share"]
    for figure in CLASS_FIGURES:
        energy[figure] = use[figure].to_numpy(dtype=float)
    energy["public_share"] = 1 - energy["home_share"]
    energy["demand_kwh_day"] = (
        energy["vehicles"]
        * energy["kwh_km"]
        * energy["km_day"]
        * energy["electric_km_share"]
        / energy["charging_efficiency"]
        * energy["public_share"]
    )
    told = "fleet: {}; city share: {}; use: {}".format
    energy["source"] = list(map(told, fleet["source"], share["source"], use["source"]))
    marks = (frame["confidence"] for frame in (fleet, share, use))
    energy["confidence"] = list(map(weakest, zip(*marks, strict=True)))
    return energy


def zone_energy(area: Area) -> pd.DataFrame:
    """Return the public charging demand by zone and vehicle class (kWh/day).

    Columns: ``zone_id``, ``vehicle_class``, ``vehicles``, ``home_share``, ``public_share``,
    ``demand_kwh_day``, ``source``, ``confidence``. Rows are grouped by zone, with classes in the
    order of the fleet. Raises `InputError` as `city_energy` does, or if no zone has a vehicle.

    >>> from siting.demand import city_figures, city_share, national_fleet, vehicle_figures
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(city_figures("Lahore"), fleet["vehicle_class"])
    >>> zones = pd.DataFrame({"zone_id": ["a", "b"], "people": [3, 1], "renting_share": [0, 0.3]})
    >>> energy = zone_energy(Area(fleet, vehicle_figures(), shares, zones))
    >>> energy.groupby("zone_id")["vehicles"].sum().div(energy["vehicles"].sum()).round(2).to_list()
    [0.75, 0.25]
    """
    case = Case(area)
    whole = city_energy(area.fleet, area.vehicles, area.city_share, area.area_share)
    central = case.column("value")
    figures = case.at(central)
    energy = crossed(zone_id=case.zones.ids, vehicle_class=case.classes)
    split = case.zones.split_by(figures["ownership_weight"])
    energy["vehicles"] = (split * whole["vehicles"].to_numpy()).ravel()
    energy["home_share"] = home_shares(figures, case.zones).ravel()
    energy["public_share"] = 1 - energy["home_share"]
    energy["demand_kwh_day"] = case.kwh(central).ravel()
    for column in ("source", "confidence"):
        energy[column] = np.tile(whole[column].to_numpy(), len(case.zones.ids))
    return energy


def demand_figures(
    area: Area, area_source: str = "people of the study area, divided by people of the city"
) -> pd.DataFrame:
    """Return the figures from which demand is computed, one per row, with unit, range and source.

    Effects of housing are included only if the area has zones. `area_source` is the source of
    ``area_share``. Columns: ``figure``, ``vehicle_class`` (blank for all), ``value``, ``low``,
    ``high``, ``unit``, ``source``, ``confidence``.
    """
    fleet = area.fleet
    use, share = _aligned(fleet, area.vehicles, area.city_share, area.area_share)
    columns = ["figure", "vehicle_class", "value", "low", "high", "unit", "source", "confidence"]
    stock = fleet.assign(figure="country_vehicles", value=fleet["vehicles"], unit="vehicles")
    share = share.reset_index().assign(figure="city_share", unit="share")
    share["value"] = share["city_share"]
    for end in {"low", "high"}.difference(share.columns):
        share[end] = share["value"]
    ends = [float(area.area_share)] * 3
    row = ["area_share", "", *ends, "share", area_source, "ASSUMPTION"]
    part = pd.DataFrame([row], columns=columns)
    known = in_area(fleet)
    if known.any():
        part = pd.concat([part] * len(fleet), ignore_index=True)
        part["vehicle_class"] = fleet["vehicle_class"].astype(str).to_numpy()
        part.loc[known, ["value", "low", "high"]] = 1.0
        part.loc[known, ["source", "confidence"]] = ["the fleets are in the area", "definition"]
    parts = [stock[columns], share[columns], part]
    for name, unit in CLASS_FIGURES.items():
        of = {c: use[f"{name}_{c}"] for c in ("low", "high", "source", "confidence")}
        figure = pd.DataFrame(of).assign(value=use[name], figure=name, unit=unit)
        parts.append(figure.reset_index()[columns])
    if area.zones is not None:
        parts.append(housing_effects(area.effects).assign(vehicle_class="")[columns])
    return pd.concat(parts, ignore_index=True)


class Case:
    """The figures of one study area, and the energy computed from these figures."""

    def __init__(self, area: Area) -> None:
        self.zones = Housing.from_table(area.zones)
        self.figures = demand_figures(area)
        self.classes = area.fleet["vehicle_class"].astype(str).to_list()
        # The row of each figure for each class; a figure for all classes has one row.
        pairs = zip(self.figures["figure"], self.figures["vehicle_class"], strict=True)
        row = {pair: at for at, pair in enumerate(pairs)}
        self._rows = {
            name: np.array([row.get((name, ""), row.get((name, of))) for of in self.classes], int)
            for name in self.figures["figure"].unique()
        }
        use = area.vehicles.set_index("vehicle_class").loc[self.classes]
        self._other = dict.fromkeys(EFFECTS, np.zeros(len(self.classes)))
        for weight in ("housing_weight", "ownership_weight"):
            self._other[weight] = use[weight].to_numpy(dtype=float)

    def column(self, name: str) -> Array:
        """Return a column of `figures` as numbers."""
        return self.figures[name].to_numpy(dtype=float)

    def at(self, values: Array) -> dict[str, Array]:
        """Return `values` by figure and class; their last axis matches the rows of `figures`."""
        return self._other | {name: values[..., at] for name, at in self._rows.items()}

    def kwh(self, values: Array) -> Array:
        """Return public charging energy (kWh/day) by draw (if `values` are drawn), zone and class.

        `values` are as in `at`.
        """
        figures = self.at(values)
        vehicles = figures["country_vehicles"] * figures["city_share"] * figures["area_share"]
        whole = vehicles * figures["km_day"] * figures["electric_km_share"] * figures["kwh_km"]
        whole = whole / figures["charging_efficiency"]
        split = self.zones.split_by(figures["ownership_weight"])
        return np.asarray(whole[..., None, :] * split * (1 - home_shares(figures, self.zones)))


def in_area(fleet: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return a mask of the classes whose vehicles all belong to the study area."""
    return fleet.get("in_area", pd.Series(False, index=fleet.index)).to_numpy(dtype=bool)


def _aligned(
    fleet: pd.DataFrame, vehicles: pd.DataFrame, city_share: pd.DataFrame, area_share: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check the tables; return vehicle figures and city shares, both in the order of the fleet."""
    faults = missing_columns(fleet, ("vehicle_class", "vehicles"), "fleet")
    faults += missing_columns(vehicles, ("vehicle_class", *CLASS_FIGURES), "vehicle figures")
    faults += missing_columns(city_share, ("vehicle_class", "city_share"), "city shares")
    refuse(faults)
    if not (np.isfinite(area_share) and 0 < area_share <= 1):
        what = f"a share of {area_share:g} of the city's people lives in the study area"
        fix = "it must be above 0 and at most 1: check that the people layer ends at the city"
        faults.append(Fault("area_share", what, fix))
    classes = fleet["vehicle_class"].astype(str)
    twice = classes.duplicated()
    faults += rows_fault("fleet, column vehicle_class", twice, classes, "given twice")
    what = "no row for a class of the fleet"
    for name, frame in (("vehicle figures", vehicles), ("city shares", city_share)):
        faults += rows_fault(name, ~classes.isin(frame["vehicle_class"]), classes, what, "add one")
    refuse(faults)
    use, share = (frame.set_index("vehicle_class") for frame in (vehicles, city_share))
    return use.loc[classes.to_list()], share.loc[classes.to_list()]
