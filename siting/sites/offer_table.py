"""Offers: every configuration at every site, with its costs or the reason for ruling it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse, require_kind
from siting.files import rows_fault
from siting.sites.configurations import (
    EXISTING,
    EXTENDED,
    OfferFigures,
    Rules,
    bare_configurations,
    configuration_faults,
    given_faults,
    rules_of,
    with_costs,
)
from siting.sites.costs import bays_needed
from siting.sites.fitting import Places, paired, pairs, require_fit, with_reasons, with_upgrade
from siting.sites.places import figure_faults
from siting.sites.sizes import with_sizes
from siting.tables import CANDIDATES, COST_PARTS, capacity_columns, find_faults

POLICIES = ("keep", "extend", "ignore")
MOTORWAY_KINDS = ("services", "rest_area", "motorway")
# A station of up to 22 kW is taken to be AC Type 2, as every DC charger in the catalogue is larger.
LARGEST_AC_KW = 22.0

MONEY = ("charger_cost_pkr", "battery_cost_pkr", "connection_cost_pkr", "line_cost_pkr",
         "upgrade_cost_pkr", *COST_PARTS[1:], "cost_pkr", "subsidy_pkr")  # fmt: skip
RUNNING = ("annual_fee_pkr", "om_pkr_year", "land_pkr_year", "insurance_pkr_year")
LIVES = ("charger_life_years", "battery_life_years")


def make_offers(
    candidates: gpd.GeoDataFrame,
    configurations: Mapping[str, Mapping[str, int]],
    *,
    sizes: Mapping[str, Sequence[int]] | None = None,
    least_ports: int = 0,
    existing_policy: Literal["keep", "extend", "ignore"] = "keep",
    upgrade: bool = False,
    **given: Unpack[OfferFigures],
) -> pd.DataFrame:
    """Return each site's offers with cost and subsidy (PKR), power (kW) and capacity (kWh/day).

    Parameters
    ----------
    candidates
        Sites, as `merge_candidates` returns them. These columns override the defaults:
        ``headroom_kw`` (kW), ``line_km`` (km of 11 kV line), ``bays`` (default: by kind of place),
        ``availability`` (share of time with power), ``existing_ports``. ``feeder_id`` is copied.
    configurations
        The number of chargers of each type in each named configuration. Every configuration is
        offered at every site, with a reason if it does not fit. Required if there are no sizes.
    sizes
        The allowed numbers of chargers at a site, by charger type. `with_sizes` combines them, with
        at most one type per charger group. A site has offers only for sizes that fit or, if none
        fits, for the smallest size, with the reason.
    least_ports
        Minimum number of ports of a size.
    existing_policy
        ``keep``: an existing station has one offer, ``existing``, at no cost. ``extend``: it also
        has an offer ``existing+<configuration>`` for each configuration, at the cost of the added
        chargers. ``ignore``: the site is treated as empty.
    upgrade
        If true, a configuration that exceeds the headroom becomes ``<configuration>+upgrade``, at
        the price of a stronger feeder. Otherwise, such a configuration is ruled out.
    **given
        Figures of `siting.sites.configurations.OfferFigures`, by name. ``chargers``, ``grid``,
        ``fees`` and ``compatibility`` are required; ``siting.sites`` has the package's tables under
        ``charger_catalogue()``, ``grid_figures()``, ``fee_figures()`` and ``compatibility()``.

    Returns
    -------
    DataFrame
        One row per site and configuration, in the order of sites, then of configurations, with
        sizes last. Columns: ``offer_id``, ``site_id``, ``configuration``, ``chargers``,
        ``vehicle_classes``, ``existing``, ``extends``. Power: ``power_kw`` (of the chargers),
        ``load_kw`` (on the grid), ``standing_kw`` (the existing part of ``power_kw`` and
        ``load_kw``), ``upgrade_kw`` (headroom that the upgrade adds: ``load_kw - standing_kw`` is
        at most ``headroom_kw + upgrade_kw``). Site: ``ports``, ``points``, ``bays_needed``,
        ``site_bays``, ``neeca_points`` (set by NEECA's rule for the site's known bays),
        ``feeder_id`` (if the sites have it), ``headroom_kw``, ``line_km``, ``availability``. Money:
        the cost components (`siting.sites.costs`), ``battery_cost_pkr`` (swap batteries, included
        in the chargers), the parts of the grid cost, ``cost_pkr``, ``subsidy_pkr``, ``grid_item``
        (the connection), ``neeca_level``, ``annual_fee_pkr``, ``om_pkr_year``, ``land_pkr_year``,
        ``insurance_pkr_year``. Others: ``charger_life_years`` and ``battery_life_years`` (the
        shortest; blank if there is none), ``standing_kwh_day`` (the existing part of the capacity),
        ``capacity_<group>_kwh_day`` (`siting.sites.standards`) and ``reason`` (blank if buildable).

    Raises
    ------
    InputError
        If candidates, configurations or settings are invalid (all errors are listed), or no size
        fits any site.

    Examples
    --------
    >>> from siting import sites
    >>> candidates = gpd.GeoDataFrame(
    ...     {"site_id": ["s1"], "name": ["Pump"], "kind": ["fuel"], "existing": [False],
    ...      "existing_power_kw": [0.0], "source": ["survey"], "node_id": [1], "snap_m": [5.0]},
    ...     geometry=gpd.points_from_xy([319000], [3719000]), crs=32643)
    >>> offers = make_offers(candidates, {"fast": {"dc_60": 2}},
    ...     chargers=sites.charger_catalogue(), grid=sites.grid_figures(),
    ...     fees=sites.fee_figures(), compatibility=sites.compatibility())
    >>> offers[["offer_id", "power_kw", "capacity_dc_kwh_day"]].values.tolist()
    [['s1:fast', 120.0, 432.0]]
    """
    figures = OfferFigures.__annotations__
    unknown = (one for one in given if one not in figures)
    faults = naming("make_offers", "unknown figures", unknown, f"use {', '.join(figures)}")
    lacking = [one for one in ("chargers", "grid", "fees", "compatibility") if one not in given]
    faults += naming("make_offers", "missing figures", lacking,
                     "siting.sites.charger_catalogue(), grid_figures(), fee_figures() and "
                     "compatibility() return the package's tables")  # fmt: skip
    require_kind("configurations", configurations, Mapping, 'write {"fast": {"dc_60": 2}}')
    refuse(faults)
    faults = find_faults(candidates, CANDIDATES) + _site_faults(candidates)
    if configurations or not sizes:
        faults += configuration_faults(configurations, given["chargers"])
    faults += given_faults(given)
    if existing_policy not in POLICIES:
        what = f"{existing_policy!r} is not a policy"
        faults.append(Fault("existing_policy", what, "use " + ", ".join(POLICIES)))
    if upgrade:
        faults += [Fault("grid table, column item", f"has no {item}",
                         "add it, or turn off upgrades")
                   for item in ("upgrade_fixed", "upgrade_kw")
                   if (given["grid"]["item"] == item).sum() != 1]  # fmt: skip
    refuse(faults)
    rules = rules_of(given, upgrade=upgrade, least_ports=least_ports)
    sites = _sites(candidates, rules)
    if existing_policy == "ignore":
        sites["existing"] = False
    choices = bare_configurations(with_sizes(configurations, sizes or {}, rules.chargers), rules)
    sized = np.arange(len(choices)) >= len(configurations)
    standing = _standing_offers(sites[sites["existing"]], rules)
    new = sites[~sites["existing"]]
    at_site, choice, fit = pairs(new, choices, sized, rules)
    bare = paired(new, choices, at_site, choice)
    parts = [bare.assign(standing_kw=0.0, standing_kwh_day=0.0, extends=False)]
    picked = [choice]
    if existing_policy == "extend" and len(standing):
        at_site, choice, more = pairs(standing, choices, sized, rules)
        extended = _extended_offers(standing, choices, at_site, choice)
        parts.append(extended.assign(existing=False, extends=True))
        picked.append(choice)
        fit |= more
    if sized.any() and not fit and any(map(len, parts)):
        require_fit(new if len(new) else standing, choices, sized, rules)
    built = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    built = with_costs(with_upgrade(built, rules), rules)
    built = with_reasons(built, sized[np.concatenate(picked)], rules)
    zero = dict.fromkeys((*MONEY, *RUNNING, "upgrade_kw", "neeca_points"), 0.0)
    blank: dict[str, Any] = dict.fromkeys(LIVES, np.nan) | {"grid_item": "", "neeca_level": ""}
    standing = standing.assign(extends=False, **zero, **blank)
    # At each site, the existing station comes before its extensions.
    frames = [frame for frame in (standing, built) if len(frame)] or [built]
    offers = pd.concat(frames, ignore_index=True)
    offers = offers.sort_values("order", kind="stable", ignore_index=True)
    capacity = list(dict.fromkeys(capacity_columns(choices) + capacity_columns(standing)))
    at_full_power = offers.reindex(columns=capacity).astype(float).fillna(0.0)
    offers[capacity] = at_full_power.mul(offers["availability"], axis=0)
    offers["standing_kwh_day"] *= offers["availability"]
    offers["offer_id"] = offers["site_id"] + ":" + offers["configuration"]
    feeder = ["feeder_id"] if "feeder_id" in offers.columns else []
    return offers[
        ["offer_id", "site_id", "configuration", "chargers", "vehicle_classes", "existing",
         "extends", "power_kw", "load_kw", "standing_kw", "upgrade_kw", "ports", "points",
         "bays_needed", "site_bays", "neeca_points", *feeder, "headroom_kw", "line_km",
         "availability", *MONEY, "grid_item", "neeca_level", *RUNNING, *LIVES,
         "standing_kwh_day", *capacity, "reason"]
    ]  # fmt: skip


def _site_faults(candidates: gpd.GeoDataFrame) -> list[Fault]:
    names = candidates.get("site_id", pd.Series(candidates.index, candidates.index)).astype(str)
    faults = figure_faults(candidates, "candidates", names)
    if "existing_ports" in candidates.columns:
        ports = pd.to_numeric(candidates["existing_ports"], errors="coerce").astype(float)
        bad = candidates["existing_ports"].notna() & ~((ports >= 1) & (ports == ports.round()))
        where = "candidates, column existing_ports"
        faults += rows_fault(where, bad, names, "not a whole number of at least 1")
    return faults


def _sites(candidates: gpd.GeoDataFrame, rules: Rules) -> pd.DataFrame:
    """Return the site figures that offers need, with defaults filled in."""

    def known(column: str) -> pd.Series[float]:
        unknown = pd.Series(np.nan, index=candidates.index)
        return cast("pd.Series[float]", candidates.get(column, unknown).astype(float))

    km = rules.grid.set_index("item")["value"].astype(float)
    city = float(km["distance_city"])
    motorway = float(km.get("distance_motorway", city))
    usual = candidates["kind"].isin(MOTORWAY_KINDS).map({True: motorway, False: city})
    out = pd.DataFrame(
        {
            "site_id": candidates["site_id"].astype(str),
            "existing": candidates["existing"].astype(bool),
            "existing_power_kw": candidates["existing_power_kw"].astype(float),
            "existing_ports": known("existing_ports"),
            "headroom_kw": known("headroom_kw").fillna(rules.headroom_kw),
            "availability": known("availability").fillna(rules.availability),
            "line_km": known("line_km").fillna(usual if rules.line_km is None else rules.line_km),
            "site_bays": known("bays")
            .fillna(candidates["kind"].astype(str).map(rules.costs.bays_by_kind).astype(float))
            .fillna(rules.costs.site_bays),
            "bays_known": known("bays").notna(),
            "order": np.arange(len(candidates)),
        }
    )
    if "feeder_id" in candidates.columns:
        out["feeder_id"] = candidates["feeder_id"]
    return out


def _standing_offers(sites: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return one offer per existing station; its capacity (kWh/day) assumes power all day.

    If ``existing_ports`` is blank, the station has as many ports as the charger in its group with
    the nearest power.
    """
    kw = sites["existing_power_kw"].to_numpy(dtype=float)
    group = np.where(kw <= LARGEST_AC_KW, "ac", "dc").astype(object)
    likely = [_likely_ports(one, power, rules.chargers)
              for one, power in zip(group, kw, strict=True)]  # fmt: skip
    known = sites["existing_ports"].to_numpy(dtype=float)
    ports = np.where(np.isnan(known), likely, known).astype(int)
    classes = rules.compatibility.groupby("charger_group")["vehicle_class"].agg(", ".join)
    figures = {"charger_group": group, "power_kw": kw, "ports": ports, "battery_kwh": 0.0}
    units = pd.DataFrame(figures)
    out = sites.assign(
        configuration=EXISTING,
        chargers=[f"1 x {power:g} kW (existing)" for power in kw],
        vehicle_classes=pd.Series(group, dtype=object).map(classes).fillna("").to_numpy(),
        power_kw=kw,
        load_kw=kw,
        standing_kw=kw,
        ports=ports,
        points=ports,
        bays_needed=bays_needed(np.eye(len(units)), units, rules.bays).astype(int),
        reason="",
    )
    # Each distinct station is computed once. `alike` numbers them in order of first appearance.
    alike = units.groupby(list(units.columns), sort=False).ngroup().to_numpy()
    first = units.drop_duplicates().index
    kwh = [rules.group_kwh_day(units.loc[[i]], np.ones(1)) if kw[i] > 0 else 0.0 for i in first]
    served = np.array(kwh, dtype=float)[alike]
    out["standing_kwh_day"] = served
    for name in dict.fromkeys(group):
        out[f"capacity_{name}_kwh_day"] = np.where(group == name, served, 0.0)
    return out


def _extended_offers(
    standing: pd.DataFrame, choices: pd.DataFrame, at_site: Places, choice: Places
) -> pd.DataFrame:
    """Return existing stations extended by configurations, one row per pair.

    Power, ports, points, bays and capacity are sums over existing and added chargers. Costs and the
    grid connection cover only the added chargers.
    """
    shared = [c for c in standing.columns if c in choices.columns]
    stands = standing.rename(columns={c: f"{c}_stands" for c in shared})
    both = paired(stands, choices, at_site, choice)
    for column in ("power_kw", "load_kw", "ports", "points", "bays_needed"):
        both[column] = both[column] + both[f"{column}_stands"]
    for column in dict.fromkeys(capacity_columns(standing) + capacity_columns(choices)):
        parts = [both[c] for c in (column, f"{column}_stands") if c in both.columns]
        both[column] = sum(part.astype(float) for part in parts)
    both["configuration"] = EXTENDED + both["configuration"]
    both["chargers"] = both["chargers_stands"] + " + " + both["chargers"]
    served = both["vehicle_classes_stands"] + ", " + both["vehicle_classes"]
    classes = {text: dict.fromkeys(text.strip(", ").split(", ")) for text in served.unique()}
    both["vehicle_classes"] = served.map(classes).map(", ".join)
    return both.drop(columns=[f"{c}_stands" for c in shared])


def _likely_ports(group: str, power_kw: float, chargers: pd.DataFrame) -> int:
    same = chargers[chargers["charger_group"].astype(str) == group].sort_values("power_kw")
    if same.empty:
        return 1
    away = (same["power_kw"].astype(float) - power_kw).abs().to_numpy()
    return int(same["ports"].iloc[int(np.argmin(away))])
