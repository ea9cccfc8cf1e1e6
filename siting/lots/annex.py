"""A plan divided into lots, and the annex of its tender: a page with a map and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from siting.export.sheet import MapSheet, points_of, sheet, table_of
from siting.shown import Column, Display, Shown, block_of
from siting.texts import counted, html_text

# The columns of the lots in the terminal and in notebooks.
SHORT = (
    Column("Lot", "lot", ">"),
    Column("Around", "about", overflow="ellipsis", no_wrap=True, max_width=26),
    Column("Stations", "stations", ",.0f"),
    Column("kWh/day", "energy_kwh_day", ",.0f"),
    Column("Minimum kW", "least_power_kw", ",.0f"),
    Column("Ceiling, PKR m", "ceiling_pkr", ",.2f", per=1e6),
)
# The columns of the tables on the page and in the papers of a tender.
LOTS = (
    Column("Lot", "lot"), Column("Around", "about"), Column("Stations", "stations", ",.0f"),
    Column("Weak stations", "weak_stations", ",.0f"), Column("Minimum chargers", "least_chargers"),
    Column("kWh/day", "energy_kwh_day", ",.0f"), Column("Minimum kW", "least_power_kw", ",.1f"),
    Column("Cost (PKR m)", "cost_pkr", ",.2f", per=1e6),
    Column("NPV without subsidy (PKR m)", "npv_pkr", ",.2f", per=1e6),
    Column("Subsidy ceiling (PKR)", "ceiling_pkr", ",.0f"),
    Column("Shortfall at the hurdle (PKR)", "lacking_pkr", ",.0f"),
)  # fmt: skip
AREAS = (
    Column("Lot", "lot"), Column("Station", "site_id"), Column("Place in the plan", "where"),
    Column("Centre (lat lon)", "centre"), Column("Radius (m)", "radius_m", ",.0f"),
    Column("Minimum chargers", "least_chargers"), Column("Minimum kW", "least_power_kw", ",.1f"),
    Column("Bays", "bays_needed", ",.0f"), Column("Open by", "open_by"),
    Column("kWh/day", "energy_kwh_day", ",.0f"), Column("Maximum loss", "loss_share", ".1%"),
)  # fmt: skip
_OF_LOT = [column for column in AREAS if column.value not in ("lot", "centre")]
_ALL = [column for column in LOTS if column.value != "least_chargers"]


@dataclass(frozen=True, eq=False, repr=False)
class Lots(Shown):
    """A plan divided into lots.

    Parameters
    ----------
    title, note
        Title and note of the study; the note credits the data sources.
    lots
        One row per lot: energy, cost, public money needed, and the area around its stations
        (lon/lat).
    areas
        One row per new station, with its search area (lon/lat) and its required chargers.
    facts
        Content of ``lots.json``: how far the lots differ, and the proven minimum difference.
    notes
        The most important facts, as sentences.
    """

    title: str
    note: str
    lots: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    facts: dict[str, Any]
    notes: tuple[str, ...]

    def _shown(self) -> Display:
        title = f"{self.title}: {counted(self.facts['lots'], 'lot')}"
        lots = block_of(self.lots, SHORT, "lots", "lots.csv")
        return Display(title, self.note, [lots], notes=self.notes)


def page_of(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    """Return the page as self-contained HTML; only the larger `roads` (lon/lat) are drawn."""
    lots = parted.lots.drop(columns="geometry").to_dict("records")
    areas = areas_told(parted)
    facts = parted.facts
    title = f"{parted.title}: {counted(facts['lots'], 'lot')}"
    sections = "".join(
        f"<section><h2>Lot {row['lot']}: around {html_text(str(row['about']))}</h2>"
        f"<p>{counted(row['stations'], 'station')}, with at least "
        f"{html_text(row['least_chargers'])} in total; "
        f"subsidy ceiling for the whole lot: PKR {row['ceiling_pkr']:,.0f} "
        f"(the plan pays its stations PKR {row['plan_subsidy_pkr']:,.0f}).</p>"
        f"{table_of(_OF_LOT, areas[areas['lot'] == row['lot']].to_dict('records'))}</section>"
        for row in lots
    )
    body = f"""<p class="note">{html_text(parted.note)}</p>
<ul>{points_of(parted.notes)}</ul>
<figure>{_map(parted, roads)}<figcaption>The stations of each lot are connected by road. The
circles are search areas. At any place on a road in its search area, a station loses at most
{facts["loss_share"]:.0%} of its energy, even if the other stations move within their search areas.
The bidder has to obtain land, grid connection and permits.</figcaption></figure>
<h2>The lots</h2>
{table_of(_ALL, lots)}
<p class="quiet">The NPV without subsidy is the net present value of all stations of the lot
together. The subsidy ceiling is the minimum public money with which the lot breaks even as one
business at the sales that the plan expects. The shortfall at the hurdle is the same amount for the
lower sales at which the plan requires its stations to break even. A weak station does not break
even alone.</p>
{sections}"""
    return sheet(title, body)


def areas_told(parted: Lots) -> pd.DataFrame:
    """Return the search areas, each with its place and its centre as text."""
    areas = pd.DataFrame(parted.areas.drop(columns="geometry"))
    centre = [f"{lat:.6f}, {lon:.6f}" for lat, lon in zip(areas["lat"], areas["lon"], strict=True)]
    where = areas["name"].fillna("") + ", " + areas["whereabouts"].fillna("")
    return areas.assign(where=where.str.strip(", "), centre=centre)


def _map(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    lots, areas = parted.lots, parted.areas
    drawing = MapSheet(areas.total_bounds, lots.total_bounds)
    columns = (areas[name] for name in ("lon", "lat", "lot", "site_id"))
    marks = "".join(
        drawing.mark(lon, lat, f"{lot}", f"{site}, lot {lot}", style=_hue(lot))
        for lon, lat, lot, site in zip(*columns, strict=True)
    )
    return drawing.drawn(
        f"Map of {len(lots)} lots with {len(areas)} search areas.",
        drawing.shapes(lots.geometry, "ground", map(_hue, lots["lot"])),
        drawing.roads(roads),
        drawing.shapes(areas.geometry, "area", map(_hue, areas["lot"])),
        marks,
    )


def _hue(lot: int) -> str:
    # The hue advances by the golden angle, so that successive lots differ in colour.
    return f"--h: {round(137.508 * lot) % 360}"
