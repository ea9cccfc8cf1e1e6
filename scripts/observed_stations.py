"""Print the business case of observed stations, for the table of docs/business-case.md.

python scripts/observed_stations.py
"""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd

from siting import reference, sites
from siting.economics import business_case, business_rules

# Sales of a station (kWh/day): Pakistan 2024, India 2024-25, and 60 kW for 15 % of the day.
SALES = {"Pakistan 2024": 32, "India 2024-25": 88, "15 % of the day": 216}
TARIFFS = {
    # Tariff as delivered, and price including the largest margin allowed at that time (PKR/kWh).
    "until April 2025": (71.10, 95.54),
    "as now": (None, None),
}

# Sales of 2027 to 2030 as shares of the sales of 2030, from the embedded city.
PATH = (0.544, 0.744, 0.904, 1.0)


def station(chargers: dict[str, int]) -> pd.DataFrame:
    """Return the offer with a set of chargers at a new site in a city."""
    site = {"site_id": ["s1"], "name": "", "kind": "fuel", "existing": False,
            "existing_power_kw": 0.0, "source": "", "node_id": 1, "snap_m": 0.0}  # fmt: skip
    return sites.make_offers(
        gpd.GeoDataFrame(site, geometry=gpd.points_from_xy([0], [0]), crs=32643),
        {"a": chargers},
        chargers=sites.charger_catalogue(),
        grid=sites.grid_figures(),
        fees=sites.fee_figures(),
        compatibility=sites.compatibility(),
    )


def observed() -> pd.DataFrame:
    """Return the business case of a station with one dc_60, by tariff and kWh/day sold (PKR m)."""
    built = station({"dc_60": 1})
    plain = business_rules()
    rows = []
    for when, (tariff, price) in TARIFFS.items():
        rules = plain
        if tariff is not None:
            rules = replace(plain, tariff_pkr_kwh=tariff, prices_pkr_kwh={"dc": price})
        for where, kwh in SALES.items():
            case = business_case(built, pd.Series({"s1": float(kwh)}), rules).iloc[0]
            rows.append((when, where, kwh, case["margin_pkr_kwh"], case["net_pkr_year"] / 1e6,
                         case["npv_pkr"] / 1e6, case["payback_years"]))  # fmt: skip
    columns = ["tariff", "sales", "kwh_day", "margin", "net_m", "npv_m", "payback"]
    return pd.DataFrame(rows, columns=columns)


def lines() -> list[str]:
    """Return the rows of the table as Markdown."""
    return [
        f"| {r.tariff} | {r.sales} | {r.kwh_day} | {r.margin:.1f} | {r.net_m:.2f} | "
        f"{r.npv_m:.1f} | {'never' if pd.isna(r.payback) else f'{r.payback:.1f}'} |"
        for r in observed().itertuples()
    ]


def socket_hub_price(kwh_day: float) -> float:
    """Return the price at which 12 sockets with these sales break even (PKR/kWh)."""
    built = station({"lev_3": 12})
    found = []
    for price in (100.0, 200.0):
        rules = business_rules(prices_pkr_kwh={"lev": price}, sales_path=PATH)
        case = business_case(built, pd.Series({"s1": kwh_day}), rules)
        found.append(float(case["npv_pkr"].iloc[0]))
    # NPV is linear in the price.
    return 100.0 - found[0] * 100.0 / (found[1] - found[0])


if __name__ == "__main__":
    print("\n".join(lines()))
    for kwh in (138, 74):
        print(f"12 sockets that sell {kwh} kWh/day: {socket_hub_price(kwh):.0f} PKR/kWh")
    print(reference.table("money").set_index("item").loc["price_lev", "value"])
