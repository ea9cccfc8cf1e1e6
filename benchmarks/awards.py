"""Row 21: an award among 300 bids of 40 bidders on the real roads of Saddar, Karachi.

Bids are drawn with a seed. Each bid has a candidate, one of six sets of chargers, and an ask of a
fifth to seven tenths of the cost. Every tenth bid is a bundle of two places, and every eighth bid
is an alternative. No bidder may win more than a fifth of the money. The winners are compared with
the proven bound. A critical ask counts as known within 5 % if its lower and upper figures differ by
at most 5 % of the upper figure.
"""

from __future__ import annotations

from typing import Any

from benchmarks.asked import Asked
from benchmarks.measure import BUNDLES
from benchmarks.programme import saddar_name, saddar_work
from benchmarks.record import Finding

BIDS, BIDDERS, MONEY_PKR, NEAREST, SEED = 300, 40, 100e6, 50, 21
GAP, LIMIT_S, ASKS_S = 0.01, 120.0, 600.0
CLOSE = 0.05
CAP = "award.caps={each_bidder: {column: bidder, budget_share: 0.2}}"


def measure(asked: Asked) -> Finding:
    """Measure row 21."""
    bids, bidders, money, nearest = asked.size(
        (BIDS, BIDDERS, MONEY_PKR, NEAREST), (24, 6, 60e6, 4)
    )
    limit_s, asks_s = asked.size((LIMIT_S, ASKS_S), (20.0, 40.0))
    finding = Finding("award", f"{saddar_name(asked)}: {bids} bids of {bidders} bidders")
    finding.figures = dict.fromkeys(
        ("award_gap_pct", "award_s", "award_asks_close", "award_asks_s")
    )
    work = saddar_work(asked, finding)
    if work is None:
        return finding
    given = {**work, "bids": bids, "bidders": bidders, "money_pkr": money, "nearest": nearest,
             "limit_s": asked.stretched(limit_s), "asks_s": asked.stretched(asks_s)}  # fmt: skip
    call_s = 3 * (given["limit_s"] + given["asks_s"]) + 240
    found = finding.add("siting", asked.call("benchmarks.awards:awarded", call_s, **given))
    if found is None:
        return finding
    finding.figures = {
        "award_gap_pct": 100 * found["gap"],
        "award_s": found["award_s"] * limit_s / given["limit_s"],
        "award_asks_close": float(found["close"]),
        "award_asks_s": found["asks_s"] * asks_s / given["asks_s"],
    }
    finding.expect("no loser under its ask would have won", [], found["wrong"])
    finding.notes.append(
        f"{found['won']} bids win PKR {found['pkr'] / 1e6:,.1f} m; critical asks of "
        f"{found['asked']} losers, {found['close']} of them known within {CLOSE:.0%}, "
        f"{found['proven']} proven to the rupee."
    )
    return finding


def awarded(
    config: str,
    overrides: list[str],
    bids: int,
    bidders: int,
    money_pkr: float,
    nearest: int,
    limit_s: float,
    asks_s: float,
) -> dict[str, Any]:
    """Make an award among random bids, and return the proven figures and the seconds."""
    import time

    from siting import Study
    from siting.awards import award

    study = Study(config, [*overrides, f"program.budget_pkr={money_pkr:.0f}", CAP])
    table = drawn(study, bids, bidders)
    began = time.perf_counter()
    bare = award(study, table, gap=GAP, time_limit_s=limit_s, asks_s=0.0)
    award_s = bare.plan.outcome.seconds["total"]
    proof = bare.plan.outcome.proof
    began = time.perf_counter()
    made = award(
        study, table, gap=GAP, time_limit_s=limit_s, asks_s=asks_s, asked_of=nearest,
        second_prices=False,
    )  # fmt: skip
    took_s = time.perf_counter() - began - made.plan.outcome.seconds["total"]
    known = made.losers[made.losers["critical_high_pkr"].notna()]
    low = known["critical_low_pkr"].clip(lower=0.0)
    high = known["critical_high_pkr"].clip(lower=0.0)
    # If a gap remains, a bid below its critical ask may still improve the award.
    wrong = known.loc[(low > known["ask_pkr"]) & (proof.gap <= 1e-9), "bid"].tolist()
    return {
        "gap": proof.gap,
        "award_s": award_s,
        "asks_s": took_s,
        "won": len(made.winners),
        "pkr": made.plan.outcome.subsidy_pkr,
        "asked": len(known),
        "close": int((high - low <= CLOSE * high + 1.0).sum()),
        "proven": int(known["proven"].sum()),
        "wrong": wrong,
    }


def drawn(study: Any, bids: int, bidders: int) -> Any:
    """Return random bids for places of a study."""
    import numpy as np
    import pandas as pd

    from siting.sites import charger_catalogue

    rng = np.random.default_rng(SEED)
    there = study.candidates[~study.candidates["existing"].to_numpy(bool)].to_crs(4326)
    price = charger_catalogue().set_index("charger_id")["capex_pkr"].astype(float)
    kinds = list(BUNDLES.values())
    rows: list[dict[str, Any]] = []
    asked = set()
    for n in range(bids):
        places = there.iloc[rng.permutation(len(there))[: 2 if n % 10 == 0 else 1]]
        for site, point in zip(places["site_id"], places.geometry, strict=True):
            # No bidder repeats a configuration at a place.
            free = [k for k in range(len(kinds)) if (n % bidders, site, k) not in asked]
            kind = int(rng.choice(free or range(len(kinds))))
            asked.add((n % bidders, site, kind))
            chargers = kinds[kind]
            cost = 1.3 * sum(k * price[c] for c, k in chargers.items())
            rows.append(
                {
                    "bid": f"B{n:03d}",
                    "bidder": f"bidder {n % bidders:02d}",
                    "lon": point.x,
                    "lat": point.y,
                    "chargers": " + ".join(f"{k} x {c}" for c, k in chargers.items()),
                    "ask_pkr": round(cost * rng.uniform(0.2, 0.7)),
                    "one_of": "first" if n // bidders < 2 and n % 8 == 0 else "",
                }
            )
    return pd.DataFrame(rows)
