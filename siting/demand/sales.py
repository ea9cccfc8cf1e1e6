"""Electric vehicles in service, computed from sales, the electric share of sales, and survival.

For each vehicle class and year t from 2026, with the figures of ``siting/reference/sales.csv`` and
the targets s of ``siting/reference/scenarios.csv``::

    sales(t)          = sales_year * (1 + growth) ** (t - 2026)
    electric_share(t) = K / (1 + exp(-z(t))),   K the saturation,
                        z(t) linear between targets, and z = ln(s / (K - s)) at a target
    electric_sales(t) = sales(t) * electric_share(t)
    survival(a)       = exp(-ln 2 * (a / life_years) ** life_shape)   (Weibull; 1/2 at life_years)
    stock(T)          = sum over t <= T of electric_sales(t) * survival(T - t + 1/2)
                        + opening_vehicles * survival(age + T - 2025) / survival(age)

A vehicle counts as half a year old at the end of the year in which it is sold. Stocks are counted
at the end of a year. Sales in "2026" are the sales of the fiscal year 2025-26.

To find the range of a result, one figure at a time is set to each end of its range. The logarithms
of the effects are combined as the root of their sum of squares, as if figures were independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.demand.figures import ENDS
from siting.demand.scenarios import (
    BASE_YEAR,
    CENTRAL_SCENARIO,
    OPENING_YEAR,
    PROJECTED_AFTER,
    FleetScenario,
    read_scenario,
)
from siting.errors import InputError

# Other figures (life_shape, opening_age_years, saturation) change the 2030 stock by under 0.2 %.
RANGED = ("sales_year", "growth", "life_years", "opening_vehicles", "electric_share")
OUTPUTS = ("sales", "electric_share", "electric_sales", "stock")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Class:
    """The figures of one vehicle class, each with ``low``, ``value`` and ``high``."""

    name: str
    figures: Mapping[str, Mapping[str, float]]
    years: Array
    targets: Mapping[str, Array]

    def run(self, years: Array, ends: Mapping[str, str]) -> dict[str, Array]:
        """Return the `OUTPUTS` by year, with each figure in `ends` at its ``low`` or ``high``."""
        at = {name: ranges[ends.get(name, "value")] for name, ranges in self.figures.items()}
        targets = self.targets[ends.get("electric_share", "value")]
        sales = at["sales_year"] * (1 + at["growth"]) ** (years - BASE_YEAR)
        share = s_curve(years, self.years, targets, at["saturation"])
        age = at["opening_age_years"]
        life = (at["life_years"], at["life_shape"])
        ages = years[:, None] - years[None, :] + 0.5
        alive = np.where(ages > 0, np.exp(-hazard(np.maximum(ages, 0), *life)), 0.0)
        # Both survival shares may round to 0, so their ratio is computed as one exponential.
        wear = hazard(age + years - OPENING_YEAR, *life) - hazard(age, *life)
        opening = at["opening_vehicles"] * np.exp(-wear)
        electric = sales * share
        stock = alive @ electric + opening
        return dict(zip(OUTPUTS, (sales, share, electric, stock), strict=True))


def s_curve(
    years: npt.ArrayLike, target_years: npt.ArrayLike, targets: npt.ArrayLike, saturation: float
) -> Array:
    """Return the electric share of sales by year (0 to 1), on logistic curves between targets.

    `target_years` must increase and span `years`. `targets` must lie between 0 and `saturation`.

    >>> s_curve([2026, 2028, 2030], [2026, 2030], [0.2, 0.8], 1.0).round(3).tolist()
    [0.2, 0.5, 0.8]
    """
    wanted, at, pins = (np.asarray(one, dtype=float) for one in (years, target_years, targets))
    z = np.interp(wanted, at, np.log(pins / (saturation - pins)))
    return np.asarray(saturation / (1 + np.exp(-z)))


def hazard(age_years: npt.ArrayLike, life_years: float, shape: float) -> Array:
    """Return minus the log of the survival at a given age: ``ln 2 * (age / life) ** shape``."""
    return np.asarray(np.log(2) * (np.asarray(age_years, dtype=float) / life_years) ** shape)


def fleet_model(
    scenario: FleetScenario = CENTRAL_SCENARIO, until: int = PROJECTED_AFTER
) -> pd.DataFrame:
    """Return the country's sales, electric share and electric stock by year and class.

    `until` is the last year to compute, from 2025 to the last year with targets for all classes.

    Columns: ``year``, ``vehicle_class``; ``sales`` (vehicles of all fuels a year),
    ``electric_share`` (of ``sales``), ``electric_sales`` and ``stock`` (electric vehicles in
    service at the year's end), each with ``…_low`` and ``…_high``. In 2025 only the stock is known.
    Raises `InputError` if the scenario or a figure is unknown, a class lacks figures or targets, a
    target is not between 0 and the saturation, or target years do not increase or do not cover 2026
    to `until`.

    >>> model = fleet_model(until=2030).set_index(["year", "vehicle_class"])
    >>> round(float(model.loc[(2030, "two_wheeler"), "electric_share"]), 3)
    0.3
    """
    classes = _classes(scenario)
    last = int(min(vehicle.years[-1] for vehicle in classes))
    if not OPENING_YEAR <= until <= last:
        what = f"covers {OPENING_YEAR} to {last}, not {until}"
        fix = "use net-zero-2060 (a projection) or a fleet table, or add a target for a later year"
        raise InputError(f"scenario {scenario.name}", what, fix)
    model = pd.concat([_frame(vehicle, until) for vehicle in classes], ignore_index=True)
    # Readers compare classes within a year, so the rows of a year are kept together.
    return model.sort_values("year", kind="stable", ignore_index=True)


def fleet_figures(scenario: FleetScenario = CENTRAL_SCENARIO) -> pd.DataFrame:
    """Return the figures behind the stock of electric vehicles, one per row, with units.

    Columns: ``figure`` (a target is called ``share_2030``), ``vehicle_class``, ``value``, ``low``,
    ``high``, ``unit``, ``source``, ``confidence``.

    >>> figures = fleet_figures(FleetScenario("nev-2019")).set_index(["vehicle_class", "figure"])
    >>> float(figures.loc[("bus", "share_2030"), "value"])
    0.5
    """
    figures, targets = read_scenario(scenario)
    targets = targets.assign(figure="share_" + targets["year"].astype(int).astype(str))
    columns = ["figure", "vehicle_class", "value", "low", "high", "unit", "source", "confidence"]
    return pd.concat([figures[columns], targets[columns]], ignore_index=True)


def stock_of_figures(figures: pd.DataFrame, year: int) -> float:
    """Return how many electric vehicles of a class are in service at the end of a year.

    `figures` is the result of `fleet_figures` for one class. `year` is 2025 or later.

    >>> rows = fleet_figures()
    >>> cars = stock_of_figures(rows[rows["vehicle_class"] == "car"], 2030)
    >>> model = fleet_model(until=2030).set_index(["year", "vehicle_class"])
    >>> bool(np.isclose(cars, model.loc[(2030, "car"), "stock"]))
    True
    """
    values = figures.set_index("figure")["value"].astype(float)
    if year == OPENING_YEAR:
        return float(values["opening_vehicles"])
    target = values.index.str.fullmatch(r"share_\d{4}")
    pins = values[target].sort_index()
    at = pins.index.str.removeprefix("share_").astype(float).to_numpy()
    given = {str(name): {"value": float(value)} for name, value in values[~target].items()}
    vehicle = _Class("", given, at, {"value": np.asarray(pins, dtype=float)})
    return float(vehicle.run(np.arange(BASE_YEAR, year + 1, dtype=float), {})["stock"][-1])


def _frame(vehicle: _Class, until: int) -> pd.DataFrame:
    """Return the results of one class by year, with ranges."""
    years = np.arange(BASE_YEAR, until + 1, dtype=float)
    frame = pd.DataFrame({"year": np.arange(OPENING_YEAR, until + 1)})
    frame["vehicle_class"] = vehicle.name
    central = vehicle.run(years, {})
    alone = {end: [vehicle.run(years, {name: end}) for name in RANGED] for end in ("low", "high")}
    for output in OUTPUTS:
        for end, sign in (("value", 0), ("low", -1), ("high", 1)):
            value = central[output]
            if sign:
                value = _combined(value, np.stack([run[output] for run in alone[end]]), sign)
            first = vehicle.figures["opening_vehicles"][end] if output == "stock" else np.nan
            frame[output if end == "value" else f"{output}_{end}"] = np.append(first, value)
    return frame


def _combined(central: Array, alone: Array, sign: int) -> Array:
    """Return the lower end (`sign` -1) or the upper end (1) of a result's range.

    Each row of `alone` is the result with one figure at this end of its range (lower or upper) and
    all other figures at their central values.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(alone / central)
    spread = np.sqrt((np.where(np.isnan(logs), 0.0, logs) ** 2).sum(axis=0))
    # A central value of 0 has no logarithm, so its range is from 0 to the largest value in `alone`.
    from_zero = alone.max(axis=0) if sign > 0 else np.zeros_like(central)
    return np.where(central > 0, central * np.exp(sign * spread), from_zero)


def _classes(scenario: FleetScenario) -> list[_Class]:
    figures, targets = read_scenario(scenario)
    classes = []
    for name in dict.fromkeys(figures["vehicle_class"]):
        rows = figures[figures["vehicle_class"] == name].set_index("figure")
        pins = targets[targets["vehicle_class"] == name]
        of_class = {str(f): {end: float(rows.loc[f, end]) for end in ENDS} for f in rows.index}
        shares = {end: pins[end].to_numpy(dtype=float) for end in ENDS}
        classes.append(_Class(name, of_class, pins["year"].to_numpy(dtype=float), shares))
    return classes
