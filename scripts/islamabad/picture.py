"""Draw the schematic city over real streets."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import shapely

mpl.use("Agg")
import matplotlib.pyplot as plt

from . import plan as p
from .check import REAL_NAMES, UTM, Real
from .frame import to_lonlat
from .network import Way
from .places import CHARGERS, Place

_WIDTH = {"trunk": 1.8, "primary": 1.3, "secondary": 0.9, "tertiary": 0.5, "residential": 0.25}
_COLOUR = {"trunk": "#b2182b", "primary": "#d6604d", "secondary": "#f4a582"}


def draw(path: Path, real: Real, ways: list[Way], places: list[Place]) -> None:
    """Write a picture with real streets and markets in blue, and schematic ones in red and grey."""
    figure, axes = plt.subplots(figsize=(22, 17))
    real.edges.plot(ax=axes, color="#9ecae1", linewidth=0.5, zorder=1)
    named = real.edges[real.edges["names"].map(lambda names: names != {"nan"})]
    lines = gpd.GeoSeries(
        [shapely.LineString([to_lonlat(*node) for node in way.nodes]) for way in ways], crs=4326
    ).to_crs(UTM)
    for highway, width in _WIDTH.items():
        chosen = lines[[way.tags["highway"] == highway for way in ways]]
        colour = _COLOUR.get(highway, "#bdbdbd" if highway == "residential" else "#737373")
        chosen.plot(ax=axes, color=colour, linewidth=width, zorder=3)
    wanted = {name for names in REAL_NAMES.values() for name in names}
    main = named[named["names"].map(lambda names: bool(names & wanted))]
    main.plot(ax=axes, color="#08519c", linewidth=1.6, zorder=4, alpha=0.7)
    spots = gpd.GeoSeries(
        gpd.points_from_xy(*zip(*(to_lonlat(q.u, q.v) for q in places), strict=True)), crs=4326
    ).to_crs(UTM)
    spots.plot(ax=axes, color="black", markersize=5, zorder=5)
    chargers = gpd.GeoSeries(
        gpd.points_from_xy([c[3] for c in CHARGERS], [c[2] for c in CHARGERS]), crs=4326
    ).to_crs(UTM)
    chargers.plot(ax=axes, color="#238b45", marker="*", markersize=120, zorder=7)
    for sector in p.sectors():
        middle = ((sector.west + sector.east) / 2, (sector.south + sector.north) / 2)
        spot = sector.markaz or middle
        at = gpd.GeoSeries([shapely.Point(*to_lonlat(*spot))], crs=4326).to_crs(UTM).iloc[0]
        axes.text(at.x, at.y, sector.name, ha="center", va="center", fontsize=9, weight="bold")
        if sector.name in real.markaz:
            lon, lat, _ = real.markaz[sector.name]
            true = gpd.GeoSeries([shapely.Point(lon, lat)], crs=4326).to_crs(UTM).iloc[0]
            axes.plot([at.x, true.x], [at.y, true.y], color="#08519c", linewidth=1, zorder=6)
            axes.plot(true.x, true.y, "o", color="#08519c", markersize=6, zorder=6)
    axes.set_title(
        "Schematic Islamabad (red, grey) over real streets (blue; © OpenStreetMap contributors). "
        "Blue dots: real markaz. Stars: existing chargers."
    )
    axes.set_aspect("equal")
    axes.set_axis_off()
    figure.savefig(path, dpi=80, bbox_inches="tight")
    plt.close(figure)
