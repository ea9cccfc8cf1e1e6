"""Random towns with limits, required and forbidden sites and extensions."""

import geopandas as gpd
import numpy as np
from brute_force import COMPATIBILITY, Asked, Scarce, town, with_extensions

from siting.errors import SitingError
from siting.program.instance import Instance
from siting.program.limits import Limit, feeders, number
from siting.program.spacing import spacing


def limited_town(seed, sites=5, **sizes):
    """Return the tables of a random town, limits, and required and forbidden sites."""
    demand, offers, reach = town(seed, sites=sites, **sizes)
    rng = np.random.default_rng(seed + 77_000)
    offers = with_extensions(offers, int(rng.integers(0, 3)), rng)
    limits = some_limits(offers, sites, rng)
    names = [f"s{j}" for j in range(1, sites)]
    rng.shuffle(names)
    required = names[: int(rng.integers(0, 3))]
    forbidden = names[3 : 3 + int(rng.integers(0, 2))]
    return {"demand": demand, "offers": offers, "reach": reach}, {
        "limits": limits,
        "required": required,
        "forbidden": forbidden,
    }


def some_limits(offers, sites, rng):
    """Return a few limits of every kind, made as a study would make them."""
    limits = []
    if rng.random() < 0.6:
        ids = offers.loc[~offers["existing"], "offer_id"]
        share = rng.integers(0, 3, len(ids)) / 2
        money = offers.set_index("offer_id").loc[ids, "subsidy_pkr"].to_numpy()
        cars, bikes = (float(rng.integers(2, 7)) for _ in range(2))
        for name, pkr, part in (("bikes", bikes, 1 - share), ("cars", cars, share)):
            use = dict(zip(ids, part * money, strict=True))
            limits.append(Limit(name, "envelope", "PKR", pkr, use))
    if rng.random() < 0.5:
        on = {f"s{j}": f"F{j % 2}" for j in range(sites) if rng.random() < 0.8}
        rooms = {f: float(rng.integers(5, 26)) for f in sorted(set(on.values()))}
        limits += feeders(offers, on, rooms)
    if rng.random() < 0.4:
        limits.append(number(offers, int(rng.integers(1, 4))))
    if rng.random() < 0.5:
        places = gpd.GeoDataFrame(
            {"site_id": [f"s{j}" for j in range(sites)], "kind": "fuel"},
            geometry=gpd.points_from_xy(*rng.integers(0, 5, (2, sites))),
            crs=32642,
        )
        limits += spacing(places, offers, 2.0)
    if rng.random() < 0.4:
        use = rng.integers(0, 5, len(offers)) * ~offers["existing"]
        limits.append(
            Limit("odd", "other", "t", 6.3, dict(zip(offers["offer_id"], use + 0.1, strict=True)))
        )
    return limits


def instance_of(tables, rules, budget):
    """Return the instance, or None where the town has nothing to serve or cannot be."""
    try:
        return Instance.from_tables(**tables, compatibility=COMPATIBILITY, budget_pkr=budget,
                                    **rules)  # fmt: skip
    except SitingError:
        return None


def asked_of(tables, rules, budget, model):
    """Return the same town as the brute force is asked about it; a forbidden site has no offers."""
    offers = tables["offers"]
    limits = tuple(Scarce(one.name, one.use, one.at_most) for one in rules["limits"])
    return Asked(
        **tables | {"offers": offers[~offers["site_id"].isin(rules["forbidden"])]},
        budget=budget,
        model=model,
        limits=limits,
        required=tuple(rules["required"]),
    )
