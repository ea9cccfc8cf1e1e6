"""The page of a nation's plan: map, cities, other divisions of the budget, and proof."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path

from siting.export.credit import credit_line
from siting.nation.division_bound import price_columns
from siting.nation.nation_plan import WORDS, NationPlan
from siting.nation.read_folder import CITIES
from siting.pages import figure, page, table
from siting.texts import html_text
from siting.writing import write_text

WEST, EAST, SOUTH, NORTH = 60.4, 77.4, 23.2, 37.4
SCALE = 44.0  # pixels per degree of latitude
LINE = 14.0  # smallest distance between two labels (pixels)
SQUEEZE = math.cos(math.radians(30.3))
_STYLE = """
th { white-space: normal !important; } table { font-size: .85rem !important; }
svg { max-width: 640px; } .land { fill: #f1efe8; stroke: #b9b4a5; }
.city { fill: #0b6e4f; fill-opacity: .8; stroke: #fff; } .lost { fill: #c8553d; }
"""


def credit_of(plan: NationPlan, runs: Path) -> str:
    """Return the credit line for the data of the cities' runs in the folder; empty if unknown."""
    records = [runs / CITIES / name / "run.json" for name in plan.cities["city"]]
    texts = [path.read_text(encoding="utf-8") for path in records if path.is_file()]
    return credit_line([one for text in texts for one in json.loads(text)["inputs"]])


def write_page(plan: NationPlan, out: Path, runs: Path) -> None:
    """Write the page ``index.html``, which works offline; the cities' runs are in `runs`."""
    style = (files("siting.batch") / "page.css").read_text(encoding="utf-8") + _STYLE
    note = html_text(plan.config.note)
    lines = "".join(
        f"<tr><th>{html_text(a)}</th><td style='white-space:normal'>{html_text(b)}</td></tr>"
        for a, b in plan.headline()
    )
    each = " in each year" if plan.years else ""
    caveat = f'<p class="note">{note}</p>' if note else ""
    body = f"""{caveat}
<div class="wide"><table>{lines}</table></div>
<h2>Where the money goes</h2>
{_where(plan)}
<h2>By city</h2>
{_cities(plan, runs)}
<p class="quiet">kWh/day per extra PKR m: the energy that one more PKR m would add, according to the
plans found.</p>
<h2>By vehicle class: kWh/day served, out of the demand</h2>
{_classes(plan)}
<h2>Other divisions of the same money</h2>
{_splits(plan)}
<p class="quiet">Worth: the public money that would serve the difference, at the dual price of
public money in the certificate below. Gini: 0 if all cities are served the same share of their
demand, or the same energy per head. The other rows have each city's own best plan for its part of
the money, without floors. Drives in all rows are those of plans for the most energy. The final plan
then shortens its drives.</p>
<h2>Less money</h2>
{_frontier(plan)}
<p class="quiet">Served at least: from the plans found, without another solve.</p>
<h2>Why no division does better</h2>
{_terms(plan)}
<p class="quiet">The price of public money is the energy that a rupee must add{each}. If the money
of a city's plan is subtracted from the plan's energy at this price, the result never exceeds the
figure in the city's row. The row of a budget or limit shows the value of its money at its price.
All rows
sum to a bound on every division. The bounds of the cities are in
<a href="bounds.csv">bounds.csv</a>; <code>siting nation</code> on this folder adds them up
again.</p>
<p class="quiet">Data: <a href="cities.csv">cities.csv</a>,
<a href="splits.csv">splits.csv</a>, <a href="frontier.csv">frontier.csv</a>,
<a href="certificate.csv">certificate.csv</a>,
<a href="nation.json">nation.json</a>; for a GIS: <a href="nation.gpkg">nation.gpkg</a>,
<a href="stations.geojson">stations.geojson</a>, <a href="cities.geojson">cities.geojson</a>.
Total run time: {plan.seconds:,.0f} s.</p>
<p class="quiet">{html_text(credit_of(plan, runs))}</p>"""
    write_text(out / "index.html", page(plan.config.title, style, body))


def _xy(lon: float, lat: float) -> tuple[float, float]:
    return (lon - WEST) * SCALE * SQUEEZE, (NORTH - lat) * SCALE


def _where(plan: NationPlan) -> str:
    """Return the map; in a multi-year plan, return one map for all years and one for each year."""
    whole = _map(plan, "granted_pkr", plan.cities["granted_pkr"].max())
    if not plan.years:
        return whole
    most = max(plan.cities[f"granted_{year}_pkr"].max() for year in plan.years)
    panels = {"all": ("All years", whole)}
    for year in plan.years:
        drawn = _map(plan, f"granted_{year}_pkr", most)
        panels[str(year)] = (str(year), drawn + _cities_in(plan, year))
    # CSS alone shows the map whose button is selected, so the page needs no script.
    shown = ", ".join(f"#year-{key}:checked ~ #of-{key}" for key in panels)
    buttons = "".join(
        f'<input type="radio" name="year" id="year-{key}"{" checked" * (key == "all")}>'
        f'<label for="year-{key}">{label}</label> '
        for key, (label, _) in panels.items()
    )
    parts = "".join(
        f'<section class="year" id="of-{key}" aria-label="{label}">{part}</section>'
        for key, (label, part) in panels.items()
    )
    style = f"<style>.year {{ display: none; }} {shown} {{ display: block; }}</style>"
    return f'{style}<div role="radiogroup" aria-label="Year">{buttons}{parts}</div>'


def _cities_in(plan: NationPlan, year: int) -> str:
    heads = ["City", f"Granted in {year}, PKR m", "Drawn", f"New stations up to {year}",
             "Served, kWh/day", "Demand", "Share"]  # fmt: skip
    rows = []
    for row in plan.cities.to_dict("records"):
        served, wanted = row[f"served_{year}_kwh_day"], row[f"wanted_{year}_kwh_day"]
        money = [f"{row[f'{what}_{year}_pkr'] / 1e6:,.1f}" for what in ("granted", "subsidy")]
        share = figure(served / wanted if wanted else 0.0, ".1%")
        rows.append([html_text(row["title"]), *money, f"{row[f'new_stations_{year}']:,.0f}",
                     f"{served:,.0f}", figure(wanted), share])  # fmt: skip
    return table(heads, rows)


def _map(plan: NationPlan, column: str, most: float) -> str:
    """Return a map with the money in a column; the largest circle stands for `most` (PKR)."""
    text = (files("siting.nation") / "provinces.json").read_text(encoding="utf-8")
    parts = []
    for name, ring in json.loads(text)["provinces"].items():
        points = " ".join("{:.1f},{:.1f}".format(*_xy(lon, lat)) for lon, lat in ring)
        parts.append(f'<polygon class="land" points="{points}"><title>{name}</title></polygon>')
    placed = plan.cities[plan.cities["lon"].notna()].sort_values("granted_pkr", ascending=False)
    taken: list[tuple[bool, float]] = []
    for row in placed.to_dict("records"):
        x, y = _xy(row["lon"], row["lat"])
        radius = 3 + 21 * math.sqrt(row[column] / max(most, 1.0))
        kind = "city lost" if row["status"] == "failed" else "city"
        words = f"{row['title']}: PKR {row[column] / 1e6:,.1f} m"
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>'
                     f"{html_text(words)}</title></circle>")  # fmt: skip
        left, line = x > (EAST - WEST) * SCALE * SQUEEZE * 0.6, y + 4
        while any(side == left and abs(line - there) < LINE for side, there in taken):
            line += LINE  # labels of nearby cities must not overlap
        taken.append((left, line))
        at, anchor = (x - radius - 4, "end") if left else (x + radius + 4, "start")
        parts.append(
            f'<text x="{at:.1f}" y="{line:.1f}" text-anchor="{anchor}">{html_text(words)}</text>'
        )
    width, height = _xy(EAST, SOUTH)
    return (
        f'<figure><svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="Map of '
        f'Pakistan with the money for each city">{"".join(parts)}</svg>'
        "<figcaption>The area of a circle shows the money granted to the city. The provinces' "
        "outlines are schematic and imply nothing about boundaries.</figcaption></figure>"
    )


def _cities(plan: NationPlan, out: Path) -> str:
    heads = ["City", "Province", "Granted, PKR m", "Drawn", "Total cost", "New stations",
             "Served, kWh/day", "Share", "Drive, min", "kWh/day per extra PKR m",
             "Binding limit"]  # fmt: skip
    rows, kinds = [], []
    for row in plan.cities.to_dict("records"):
        folder = f"cities/{row['city']}"
        place = f"{folder}/report.html" if (out / folder / "report.html").is_file() else folder
        name = html_text(row["title"])
        if row["status"] == "failed":
            name += f"<br><small>failed: {html_text(' '.join(row['error'].split())[:160])}</small>"
        else:
            name = f'<a href="{html_text(place)}">{name}</a>'
        kinds.append("failed" if row["status"] == "failed" else "")
        share = row["served_kwh_day"] / row["demand_kwh_day"] if row["demand_kwh_day"] else 0.0
        money = [f"{row[key] / 1e6:,.1f}" for key in ("granted_pkr", "subsidy_pkr", "cost_pkr")]
        rows.append([name, html_text(row["province"]), *money, f"{row['new_stations']:,.0f}",
                     f"{row['served_kwh_day']:,.0f}", figure(share, ".1%"),
                     figure(row["drives_min"], ".1f"), f"{row['kwh_day_a_million']:,.1f}",
                     row["binds"] or "–"])  # fmt: skip
    return table(heads, rows, kinds=kinds)


def _classes(plan: NationPlan) -> str:
    of_years = {f"{year}_kwh_day" for year in plan.years}
    wanted = plan.cities.filter(regex="^wanted_").columns.str.removeprefix("wanted_")
    names = [name for name in wanted if name not in of_years]
    rows = [
        [html_text(row["title"])]
        + [
            f"{figure(row[f'served_{n}'])} of {figure(row[f'wanted_{n}'])}"
            if math.isfinite(row[f"wanted_{n}"]) else "–"
            for n in names
        ]
        for row in plan.cities.to_dict("records")
    ]  # fmt: skip
    return table(["City", *(n.replace("_", " ") for n in names)], rows)


def _splits(plan: NationPlan) -> str:
    cities = list(plan.cities["city"])
    titles = dict(zip(cities, plan.cities["title"], strict=True))
    heads = ["Division", *(f"{html_text(titles[c])}, PKR m" for c in cities), "Served, kWh/day",
             "Against this plan", "Worth, PKR m", "Drive, min", "Gini",
             "Gini per head"]  # fmt: skip
    rows = []
    for row in plan.splits.to_dict("records"):
        against = "" if row["split"] == "best" else f"{-row['less_share']:+.1%}"
        served = f"{row['served_kwh_day']:,.0f}" + ("" if row["complete"] else " (not all cities)")
        rows.append([WORDS[row["split"]], *(f"{row[f'pkr_{c}'] / 1e6:,.1f}" for c in cities),
                     served, against, figure(row["less_pkr"] or None, ",.1f", 1e6),
                     figure(row["drives_min"], ".1f"), f"{row['gini']:.3f}",
                     f"{row['gini_a_head']:.3f}"])  # fmt: skip
    return table(heads, rows)


def _frontier(plan: NationPlan) -> str:
    rows = [
        [f"{r['budget_pkr'] / 1e6:,.1f}", figure(r["served_kwh_day"]), figure(r["bound_kwh_day"])]
        for r in plan.frontier.to_dict("records")
    ]
    return table(["Budget, PKR m", "Served at least", "At most"], rows)


def _terms(plan: NationPlan) -> str:
    rows = []
    for r in plan.terms.to_dict("records"):
        prices = [r["price"]] if r["row"] == "pot" else [r[c] for c in price_columns(plan.years)]
        words = " / ".join(f"{price * 1e6:,.2f}" for price in prices)
        rows.append([html_text(r["name"]), f"{words} kWh/day per PKR m",
                     figure(r["money_pkr"], ",.1f", 1e6), f"{r['term_kwh_day']:,.1f}"])  # fmt: skip
    rows.append(["total", "", "", f"{plan.bound_kwh_day:,.1f}"])
    return table(["City or limit", "Price of a rupee", "PKR m", "kWh/day"], rows)
