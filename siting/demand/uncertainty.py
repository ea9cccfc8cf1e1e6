"""Uncertainty of the demand: scenarios, seeded draws, and the figures that matter most.

Every figure of `siting.demand.demand_figures` has a low, a central and a high value. Figures are
assumed to be independent, with two exceptions. City shares from one source vary together. The
national fleets of all classes share a common factor for slow or fast sales, which `fleet_paces`
derives from the scenarios of `fleet_model`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import ndtri

from siting.demand.energy import Area, Case, in_area
from siting.demand.housing import SURVEYED, Array, crossed, home_shares
from siting.demand.scenarios import DEFAULT_SCENARIO
from siting.errors import InputError

# Figures whose increase lowers public charging energy.
LOWERING = ("home_share", "charging_efficiency", *SURVEYED.values())
# Percentile of each scenario among future fleets. ASSUMPTION: no forecast with a range was found.
PACES = {"slow": 0.1, DEFAULT_SCENARIO: 0.5, "fast": 0.9}
QUANTILES = (0.05, 0.5, 0.95)
_CHUNK = 256  # number of draws computed at once, which limits memory if there are many zones

# Factors whose product, divided by the charging efficiency, is the public charging energy.
FACTORS = (
    *("country_vehicles", "city_share", "area_share", "zone_share"),
    *("km_day", "electric_km_share", "kwh_km", "public_share"),
)
# Columns, apart from the rank, of the table that ranks figures by their effect.
RANKED = (
    *("figure", "vehicle_class", "low_kwh_day", "high_kwh_day", "swing_kwh_day", "swing_share"),
    *("moved_share", "moved_zones_share", "moved_cells_share", "source", "confidence"),
)


def _keys(case: Case) -> pd.Series[str]:
    """Return each figure's group; figures in the same group vary together."""
    figure, of = case.figures["figure"], case.figures["vehicle_class"]
    return figure + "|" + of.where(figure != "city_share", case.figures["source"])


def _end(case: Case, *, more: bool) -> Array:
    """Return each figure at the end of its range that gives more energy (if `more`) or less."""
    figure = case.figures["figure"]
    low, high = case.column("low"), case.column("high")
    values = np.where(figure.isin(LOWERING).to_numpy() == more, low, high)
    for name in SURVEYED:
        # Whether a higher value raises energy depends on the area's households.
        at = (figure == name).to_numpy()
        if at.any():
            ends = [np.where(at, end, values) for end in (low, high)]
            values = (max if more else min)(ends, key=lambda tried: case.kwh(tried).sum())
    return values


def draw_energy(n: int, seed: int, area: Area, paces: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return draws of the study area's public charging energy by vehicle class (kWh/day).

    Each figure is equally likely to be below or above its central value. The density falls linearly
    from the central value to both ends of the range. Because ranges are wider upwards, an ordinary
    triangular density would put the median of the draws far above the central demand. A figure's
    random numbers depend only on the seed and the figure, so a larger `n` keeps earlier draws.

    `n` is the number of draws, at least 1. `seed` is at least 0. `paces` is the result of
    `fleet_paces`; without it, each class's fleet varies only within its own range. Columns:
    ``draw`` (from 1), ``vehicle_class``, ``demand_kwh_day`` (over all zones). Raises `InputError`
    as `zone_energy` does.
    """
    case = Case(area)
    keys = _keys(case)
    uniform = {key: _uniform(key, seed, n) for key in keys.unique()}
    figures = zip(keys, *map(case.column, ("low", "value", "high")), strict=True)
    drawn = np.column_stack([_split_triangle(uniform[key], *ends) for key, *ends in figures])
    if paces is not None:
        at = (case.figures["figure"] == "country_vehicles").to_numpy()
        of = case.figures.loc[at, "vehicle_class"].astype(str)
        drawn[:, at] *= _common_factors(_uniform("fleet pace", seed, n), paces.reindex(of))
    chunks = (drawn[i : i + _CHUNK] for i in range(0, n, _CHUNK))
    energy = np.concatenate([case.kwh(chunk).sum(axis=-2) for chunk in chunks])
    rows = crossed(draw=range(1, n + 1), vehicle_class=case.classes)
    return rows.assign(demand_kwh_day=energy.ravel())


def fleet_paces(fleet: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """Return the vehicles of each class in each scenario of `PACES`, relative to the given fleet.

    `fleet` is as in `city_energy`, and `others` has the fleets of the scenarios by name. The index
    is ``vehicle_class``, and the columns are the scenarios' percentiles (0 to 1). Classes whose
    fleet in the area is known have the value 1. The result is None for fewer than two scenarios.

    >>> from siting.demand import FleetScenario, national_fleet
    >>> others = {name: national_fleet(2030, FleetScenario(name)) for name in PACES}
    >>> paces = fleet_paces(national_fleet(2030), others)
    >>> paces.loc["car"].round(2).to_dict()
    {0.1: 0.41, 0.5: 1.0, 0.9: 1.81}
    """
    known = {at: others[name] for name, at in PACES.items() if name in others}
    if len(known) < 2:
        return None
    ours = fleet.set_index("vehicle_class")["vehicles"].astype(float)
    theirs = {at: other.set_index("vehicle_class")["vehicles"] for at, other in known.items()}
    ratios = pd.DataFrame(theirs).reindex(ours.index).div(ours, axis=0)
    return ratios.where((ratios > 0) & np.isfinite(ratios) & ~in_area(fleet)[:, None], 1.0)


def energy_quantiles(draws: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles of sampled energy by class and in total (kWh/day).

    `draws` is the result of `draw_energy`. Columns: ``vehicle_class`` (``all`` in the last row),
    ``p05_kwh_day``, ``p50_kwh_day``, ``p95_kwh_day``.

    >>> draws = pd.DataFrame({"draw": [1, 2, 3], "vehicle_class": "car",
    ...     "demand_kwh_day": [1.0, 3.0, 2.0]})
    >>> energy_quantiles(draws)["p50_kwh_day"].to_list()
    [2.0, 2.0]
    """
    classes = list(dict.fromkeys(draws["vehicle_class"].astype(str)))
    wide = draws.pivot_table("demand_kwh_day", index="draw", columns="vehicle_class")[classes]
    wide["all"] = wide.sum(axis=1)
    quantiles = {f"p{100 * q:02.0f}_kwh_day": wide.quantile(q).to_numpy() for q in QUANTILES}
    return pd.DataFrame({"vehicle_class": wide.columns.astype(str), **quantiles})


def sensitivity(area: Area, *, shares: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return each figure's effect on the total energy and on the energy map, largest first.

    One figure at a time is set to each end of its range. Its effect on the map is the share of all
    energy that moves: half the sum of the absolute changes in the shares of the total.

    `shares` divides the energy of each zone and class among cells. It has the columns ``zone_id``,
    ``vehicle_class``, ``cell_id`` and ``share``; without it, ``moved_cells_share`` is missing.

    Columns: ``rank`` (from 1, by ``swing_share``); ``figure``; ``vehicle_class`` (blank: all;
    several if their city shares have one source); ``low_kwh_day`` and ``high_kwh_day`` (the smaller
    and the larger total at the ends of the range); ``swing_kwh_day``; ``swing_share`` (of the
    central total); ``moved_share`` (energy that moves between zones or classes);
    ``moved_zones_share`` (between zones); ``moved_cells_share`` (between cells); ``source``;
    ``confidence``. Each ``moved`` share is the larger of the shares at the two ends. Figures
    without an effect are left out.
    """
    case = Case(area)
    keys = _keys(case)
    low, central, high = map(case.column, ("low", "value", "high"))
    before = case.kwh(central)
    total = float(before.sum())
    if not total > 0:
        raise InputError("demand figures", "no class has any demand")
    on_map = None if shares is None else _on_map(case, shares)
    rows = []
    for key, group in case.figures.groupby(keys, sort=False):
        varied = (keys == key).to_numpy()
        if not (low[varied] != high[varied]).any():
            continue
        ends = [case.kwh(np.where(varied, end, central)) for end in (low, high)]
        ends.sort(key=np.sum)
        if all(np.array_equal(end, before) for end in ends):
            continue
        names = group["vehicle_class"].astype(str).to_list()
        all_classes = len(names) == len(case.classes) > 1
        low_kwh, high_kwh = (float(end.sum()) for end in ends)
        swing_kwh = high_kwh - low_kwh
        moved = max(_moved(before, end) for end in ends)
        moved_zones = max(_moved(before.sum(1), end.sum(1)) for end in ends)
        moved_cells = np.nan
        if on_map is not None:
            cells = on_map @ before.ravel()
            moved_cells = max(_moved(cells, on_map @ end.ravel()) for end in ends)
        figure, *said = group[["figure", "source", "confidence"]].iloc[0]
        shown = (figure, "" if all_classes else ", ".join(names), low_kwh, high_kwh)
        moves = (swing_kwh, swing_kwh / total, moved, moved_zones, moved_cells)
        rows.append((*shown, *moves, *said))
    ranked = pd.DataFrame(rows, columns=list(RANKED))
    order = ["swing_share", "figure", "vehicle_class"]
    ranked = ranked.sort_values(order, ascending=[False, True, True], ignore_index=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    return ranked


def _on_map(case: Case, shares: pd.DataFrame) -> csr_array:
    """Return the matrix that converts energy by zone and class to energy by cell."""
    cells = pd.factorize(shares["cell_id"])[0]
    zone = pd.Index(case.zones.ids).get_indexer(pd.Index(shares["zone_id"].astype(str)))
    of_class = pd.Index(case.classes).get_indexer(pd.Index(shares["vehicle_class"].astype(str)))
    column = zone * len(case.classes) + of_class
    size = (int(cells.max()) + 1, len(case.zones.ids) * len(case.classes))
    return csr_array((shares["share"].to_numpy(dtype=float), (cells, column)), shape=size)


def _moved(before: Array, after: Array) -> float:
    if not after.sum() > 0:
        return 1.0
    return float(np.abs(after / after.sum() - before / before.sum()).sum() / 2)


def _uniform(key: str, seed: int, n: int) -> Array:
    words = np.frombuffer(hashlib.sha256(key.encode()).digest(), dtype="<u4")
    return np.random.default_rng([seed, *words.tolist()]).random(n)


def _split_triangle(uniform: Array, low: float, middle: float, high: float) -> Array:
    """Return quantiles of a density of two half triangles that meet at the median (`middle`)."""
    down = middle - (middle - low) * (1 - np.sqrt(2 * np.minimum(uniform, 0.5)))
    up = high - (high - middle) * np.sqrt(2 * np.minimum(1 - uniform, 0.5))
    return np.where(uniform < 0.5, down, up)


def _common_factors(uniform: Array, paces: pd.DataFrame) -> Array:
    """Return the factor for each class's fleet in each draw, log-linear in the normal quantile."""
    at, z = ndtri(paces.columns.to_numpy(dtype=float)), ndtri(uniform)
    step = np.clip(np.searchsorted(at, z) - 1, 0, len(at) - 2)
    logs = np.log(paces.fillna(1.0).to_numpy(dtype=float)).T
    slope = np.diff(logs, axis=0) / np.diff(at)[:, None]
    return np.asarray(np.exp(logs[step] + slope[step] * (z - at[step])[:, None]))


def energy_factors(area: Area, case: str = "central") -> pd.DataFrame:
    """Return the factors from which public charging energy is computed, by zone and class.

    `case` is ``low`` (every figure is at the end of its range that gives less energy), ``central``
    or ``high`` (at the end that gives more). For likely outcomes, see `draw_energy`.

    Columns: ``zone_id``, ``vehicle_class``, the `FACTORS` (vehicles, shares, km/day, kWh/km),
    ``charging_efficiency``, ``home_share``, ``demand_kwh_day`` (kWh/day; the product of the
    factors, divided by the efficiency).

    >>> from siting.demand import Area, city_figures, city_share, national_fleet, vehicle_figures
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(city_figures("Lahore"), fleet["vehicle_class"])
    >>> rows = energy_factors(Area(fleet, vehicle_figures(), shares))
    >>> product = rows[list(FACTORS)].prod(axis=1) / rows["charging_efficiency"]
    >>> bool(np.allclose(product, rows["demand_kwh_day"]))
    True
    """
    given = Case(area)
    values = given.column("value") if case == "central" else _end(given, more=case == "high")
    figures = given.at(values)
    home = home_shares(figures, given.zones)
    split = given.zones.split_by(figures["ownership_weight"])
    factors = figures | {"zone_share": split, "public_share": 1 - home, "home_share": home}
    factors["demand_kwh_day"] = given.kwh(values)
    rows = crossed(zone_id=given.zones.ids, vehicle_class=given.classes)
    for name in (*FACTORS, "charging_efficiency", "home_share", "demand_kwh_day"):
        rows[name] = np.broadcast_to(factors[name], home.shape).ravel()
    return rows
