"""Towns of 60 sites and 160 cells that ask for several features, with numbers far apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
from brute_force import CLASSES, GROUPS, Asked
from program_cases import FEATURES, settled

SITES, CELLS = 60, 160
# What stands is part of every town here, with extensions; regret is counted against the best of
# each scenario, which either method knows within its gap only.
MEDIUM_FEATURES = [name for name in FEATURES if name not in ("extensions", "least regret")]
KINDS = ("plain", "energies", "prices", "both", "equal prices", "free", "no budget")


def medium_town(kind, rng):
    """Return tables of a town and the money a plan may spend.

    ``energies``: demand of 1e-6 to 1e8 kWh/day side by side; ``prices``: offers of 1 to 1e9 PKR;
    ``equal prices`` and ``free``: all alike; ``no budget``: nothing to spend.
    """
    xy = rng.random((SITES, 2)), rng.random((CELLS, 2))
    minutes = 1 + 30 * np.hypot(*(xy[1][:, None] - xy[0][None]).transpose(2, 0, 1))
    reach = pd.DataFrame(
        [(f"c{c}", f"s{j:02}", minutes[c, j]) for c, j in np.argwhere(minutes <= 7).tolist()],
        columns=["cell_id", "site_id", "travel_min"],
    )
    demand = pd.DataFrame(
        [(f"d{c}_{k}", f"c{c}", k) for c in range(CELLS) for k in CLASSES if rng.random() < 0.6],
        columns=["demand_id", "cell_id", "vehicle_class"],
    )
    wide = kind in ("energies", "both")
    size = (lambda n: 10 ** rng.uniform(-6, 8, n)) if wide else (lambda n: rng.uniform(1, 50, n))
    demand["demand_kwh_day"] = size(len(demand)) * (rng.random(len(demand)) < 0.9)
    rows = []
    for j in range(SITES):
        stands = rng.random() < 0.15
        for n in range(3):
            existing = stands and n == 0
            capacity = size(3) * 3 * (rng.random(3) < 0.6)
            price = price_of(kind, rng) * (not existing)
            if stands and n:
                capacity = capacity + rows[-n]["capacity"]
            rows.append(
                {
                    "offer_id": f"s{j:02}:{n}",
                    "site_id": f"s{j:02}",
                    "existing": existing,
                    "extends": stands and n > 0,
                    "subsidy_pkr": price * 0.5,
                    "cost_pkr": price,
                    "charger_cost_pkr": price,
                    "capacity": capacity,
                }
            )
    offers = pd.DataFrame(rows)
    capacity = np.stack(offers.pop("capacity").tolist())
    for g, group in enumerate(GROUPS):
        offers[f"capacity_{group}_kwh_day"] = capacity[:, g]
    plain = {"configuration": "k", "chargers": "", "power_kw": 10.0, "grid_cost_pkr": 0.0}
    offers = offers.assign(**plain, fee_cost_pkr=0.0, reason="")
    money = 0.0 if kind == "no budget" else 0.15 * float(offers["subsidy_pkr"].sum())
    return demand, offers, reach, money


def price_of(kind, rng):
    if kind in ("prices", "both"):
        return float(np.round(10 ** rng.uniform(0, 9), 2))
    return {"equal prices": 5e6, "free": 0.0}.get(kind, float(rng.integers(1, 60)) * 1e5)


def medium_case(features, kind, seed):
    """Return what a medium town asks, the amounts of the features in its own measure."""
    rng = np.random.default_rng(seed)
    demand, offers, reach, money = medium_town(kind, rng)
    case = Asked(demand, offers, reach, budget=money, aims=())
    for name, laid in FEATURES.items():
        if name in features:
            case = laid(case, rng)
    if case.budgets:
        case = replace(case, budgets=dict.fromkeys(case.budgets, money * 0.5))
    # Where all is free any price will do.
    cost, kwh = offers["cost_pkr"].mean() or 1.0, demand["demand_kwh_day"].mean()
    if case.gap:
        margin = {k: v * cost / kwh / 2 for k, v in case.gap[0].items()}
        case = replace(case, gap=(margin, *case.gap[1:]))
    aims = [
        (kind, _scaled(rest[0], kwh / cost / 2), *rest[1:])
        if kind == "net_worth"
        else (kind, *rest)
        for kind, *rest in case.aims
    ]
    case = replace(case, aims=tuple(aims))
    limits = []
    for one in case.limits:
        most = {
            "number": 12.0,
            "feeder": 0.25 * sum(one.use.values()),
            "envelope": 0.3 * money,
        }.get(one.kind, one.at_most)
        limits.append(replace(one, at_most=most))
    return settled(replace(case, limits=tuple(limits)), rng)


def _scaled(gain, by):
    return tuple(g * by for g in gain) if isinstance(gain, tuple) else gain * by
