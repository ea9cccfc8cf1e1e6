"""A plan as a map to move about in, for notebooks: folium layers that are switched on and off."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from siting.errors import Fault, MissingExtraError
from siting.export.dictionary import alias
from siting.export.ground import largest_kw
from siting.export.layers import demand_layer
from siting.export.lonlat import to_lonlat
from siting.export.plan_pictures import PlanTables, attribution
from siting.export.styles import EXISTING, EXISTING_RIM, NOTHING, UNSERVED, WANTED, breaks

if TYPE_CHECKING:
    import folium

NEW, LIGHT = "#00694e", "#eef1ee"
# Roads and cells are drawn to about a metre, which no screen shows.
_ROAD_TOLERANCE_M = 4.0
_MAIN = ("motorway", "trunk", "primary", "secondary")
_LEAST_PX, _MOST_PX = 4.0, 20.0
# With more cells than this, single classes are dots, which weigh a fourth of squares.
_MOST_SQUARES = 2_000


def explore_plan(plan: PlanTables, *, background: bool = True) -> folium.Map:
    """Return a map with layers for roads, demand by class, what is not served, and stations.

    One layer of cells shows at a time; roads and stations are switched on and off by themselves.
    New stations are green and existing ones yellow, their areas in proportion to their power; a
    click tells what a cell wants and what a station is.

    Parameters
    ----------
    plan
        The plan.
    background
        Whether to draw OpenStreetMap's own map below, which asks its server for pictures. The map
        loads Leaflet from the internet too; for a file that needs none there is ``report.html``.

    Returns
    -------
    folium.Map
        Shown by a notebook; ``.save("map.html")`` writes it.

    Raises
    ------
    MissingExtraError
        If folium is not installed.
    """
    try:
        import folium
    except ImportError as err:
        raise MissingExtraError(
            Fault("folium", "is needed for a map to explore", 'pip install "siting[map]"')
        ) from err
    cells = _coarse(to_lonlat(demand_layer(plan.cells, plan.demand), "cells"))
    stations = to_lonlat(plan.sites, "sites")
    whose = _text(attribution(plan))
    # Not on a canvas: the topmost one would take every click from those below.
    made = folium.Map(tiles=None, prefer_canvas=False, control_scale=True)
    for pane, level in (("cells", 401), ("roads", 402), ("stations", 403)):
        folium.map.CustomPane(pane, z_index=level, pointer_events=True).add_to(made)
    if background:
        folium.TileLayer(
            "OpenStreetMap", name="Background: OpenStreetMap", overlay=True, opacity=0.45
        ).add_to(made)
    legends: list[str] = []
    for name, field, ramp, none in _fields(cells):
        key_of = _add_cells(made, cells, name, field, ramp, none, show=not legends)
        legends.append(f"<b>{name}, kWh/day</b>{key_of}")
    _add_roads(made, plan.edges, whose)
    for existing, name in ((True, "Existing stations"), (False, "New stations")):
        _add_stations(made, stations, existing, name)
    folium.LayerControl(collapsed=False).add_to(made)
    # The ramps of both kinds of cell layers: what is not served, and what is wanted.
    key = "<br>".join(legends[:2])
    box = (
        "position:fixed;bottom:78px;left:12px;max-width:230px;z-index:999;background:#fffe;"
        "padding:8px 12px;border-radius:6px;font:12px/1.5 sans-serif;color:#1f2937"
    )
    title = f'<div dir="auto" style="font-weight:bold">{_text(plan.title)}</div>'
    note = f'<div dir="auto" style="color:#6b7280">{_text(plan.note)}</div>' if plan.note else ""
    ground = "<style>.leaflet-container{background:#f7f7f5}</style>"
    legend = f'{ground}<div style="{box}">{title}{note}{key}</div>'
    page: Any = made.get_root()
    shown: Any = folium.Element("{{ this.legend }}")
    shown.legend = legend
    page.html.add_child(shown)
    west, south, east, north = (cells if len(cells) else stations).total_bounds
    made.fit_bounds([[float(south), float(west)], [float(north), float(east)]])
    return made


def _text(value: object) -> str:
    """Return a user's text as HTML that is a template nowhere.

    Folium compiles what it has rendered, names and popups included, as a template once more; a
    brace written as HTML writes it is none to Jinja and one to a browser.
    """
    return html.escape(str(value)).replace("{", "&#123;").replace("}", "&#125;")


def _coarse(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the layer with coordinates to about a metre."""
    shapes = np.asarray(layer.geometry.array)
    return layer.set_geometry(shapely.transform(shapes, lambda xy: np.round(xy, 5)), crs=layer.crs)


def _fields(cells: gpd.GeoDataFrame) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return each layer of cells: its name as HTML, its field, colours and colour of nothing."""
    classes = [
        c for c in cells.columns
        if c.startswith("demand_") and c != "demand_kwh_day" and c.endswith("_kwh_day")
    ]  # fmt: skip
    found: list[tuple[str, str, tuple[str, ...], str]] = [
        ("Not served", "unserved_kwh_day", UNSERVED, NOTHING),
        ("Wanted", "demand_kwh_day", WANTED, LIGHT),
    ]
    for column in classes:
        name = column.removeprefix("demand_").removesuffix("_kwh_day").replace("_", " ")
        found.append((f"Wanted: {_text(name)}", column, WANTED, LIGHT))
    return found


def _add_cells(
    made: folium.Map,
    cells: gpd.GeoDataFrame,
    name: str,
    field: str,
    ramp: tuple[str, ...],
    none: str,
    *,
    show: bool,
) -> str:
    """Add one layer of cells; return its key as HTML."""
    import folium

    values = cells[field].to_numpy(dtype=float, na_value=0.0)
    limits = breaks(values)
    floor = limits[-1] / 1000 if limits else 0.05
    limits = [limit for limit in limits if limit > floor]
    spread = np.linspace(0, len(ramp) - 1, len(limits)).round().astype(int)
    colours = [none, *(ramp[i] for i in spread)]
    rank = np.where(values <= floor, 0, 1 + np.searchsorted(limits, values))
    single = field not in ("unserved_kwh_day", "demand_kwh_day")
    drawn = cells[rank > 0] if single else cells
    shapes = drawn.geometry
    if single and len(cells) > _MOST_SQUARES:
        shapes = gpd.GeoSeries(shapely.centroid(np.asarray(shapes.array)), crs=cells.crs)
    cell = drawn["cell_id"].map(_text).to_numpy()
    table = gpd.GeoDataFrame(
        {"rank": rank[rank > 0] if single else rank, "cell": cell},
        geometry=shapes.to_numpy(), crs=cells.crs,
    )  # fmt: skip
    shown = {"cell": "Cell"}
    if not single:
        for column in ("people", "demand_kwh_day", "served_kwh_day", "unserved_kwh_day"):
            table[column] = [f"{value:,.1f}" for value in drawn[column]]
            shown[column] = alias(column)
    else:
        table["kwh"] = [f"{value:,.2f}" for value in drawn[field]]
        shown["kwh"] = name + ", kWh/day"
    if not len(table):
        folium.FeatureGroup(name=name, overlay=False, show=show).add_to(made)
    else:
        folium.GeoJson(
            table,
            style_function=lambda feature: {
                "pane": "cells",
                "fill": True,
                "fillColor": colours[feature["properties"]["rank"]],
                "fillOpacity": 0.72,
                "color": "#ffffff",
                "weight": 0.4,
            },
            marker=folium.CircleMarker(radius=4),
            popup=folium.GeoJsonPopup(list(shown), aliases=list(shown.values()), localize=False),
            name=name,
            overlay=False,
            show=show,
            pane="cells",
        ).add_to(made)
    texts = [f"up to {limit:,g}" for limit in limits]
    lines = [("none", none), *zip(texts, colours[1:], strict=True)]
    return "".join(
        f'<div><span style="display:inline-block;width:14px;height:10px;background:{hex_};'
        f'border:1px solid #9ca3af;margin-right:6px"></span>{text}</div>'
        for text, hex_ in lines
    )


def _add_roads(made: folium.Map, edges: gpd.GeoDataFrame, whose: str) -> None:
    """Add main roads and the others, each stretch once."""
    import folium

    first = edges["highway"].map(lambda v: v[0] if isinstance(v, list) and v else v)
    main = first.astype(str).str.removesuffix("_link").str.startswith(_MAIN).to_numpy()
    lines = np.asarray(edges.geometry.array)
    # A street with two directions is two edges.
    _, once = np.unique(shapely.to_wkb(shapely.normalize(lines)), return_index=True)
    for name, chosen, weight, hex_ in (
        ("Streets", ~main, 0.8, "#aab1ba"),
        ("Main roads", main, 1.6, "#6d7884"),
    ):
        part = lines[np.intersect1d(once, np.flatnonzero(chosen))]
        part = shapely.simplify(part, _ROAD_TOLERANCE_M)
        joined = gpd.GeoSeries([shapely.multilinestrings(part)], crs=edges.crs).to_crs(4326)
        shape = shapely.transform(joined.iloc[0], lambda xy: np.round(xy, 5))
        folium.GeoJson(
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)},
            name=name,
            style_function=lambda _, w=weight, c=hex_: {"color": c, "weight": w, "opacity": 0.9},
            interactive=False,
            pane="roads",
            attribution=whose,
        ).add_to(made)


def _add_stations(made: folium.Map, stations: gpd.GeoDataFrame, existing: bool, name: str) -> None:
    """Add the new or the existing stations, those of more power as larger circles."""
    import folium

    largest = largest_kw(stations["power_kw"].to_numpy(dtype=float, na_value=np.nan))
    chosen = stations[stations["existing"].to_numpy(dtype=bool) == existing]
    # The largest first, so that a small one beside it can still be clicked.
    chosen = chosen.sort_values(["power_kw", "site_id"], ascending=[False, True], kind="stable")
    if chosen.empty:
        folium.FeatureGroup(name=name).add_to(made)
        return
    table, shown = _cards(chosen)
    share = np.sqrt(
        np.clip(np.nan_to_num(chosen["power_kw"].to_numpy(dtype=float)) / largest, 0, 1)
    )
    table["radius"] = np.maximum(_LEAST_PX, _MOST_PX * share).round(1)
    fill, rim = (EXISTING, EXISTING_RIM) if existing else (NEW, "#ffffff")
    folium.GeoJson(
        table,
        name=name,
        marker=folium.CircleMarker(radius=6),
        style_function=lambda feature: {
            "pane": "stations",
            "radius": feature["properties"]["radius"],
            "fill": True,
            "fillColor": fill,
            "fillOpacity": 0.9,
            "color": rim,
            "weight": 1.5,
        },
        tooltip=folium.GeoJsonTooltip(["what"], labels=False),
        popup=folium.GeoJsonPopup(list(shown), aliases=list(shown.values()), localize=False,
                                  max_width=360),
        pane="stations",
    ).add_to(made)  # fmt: skip


def _cards(stations: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """Return what a click shows of each station, made safe for a page, and the words beside it."""
    names = stations["name"].where(stations["name"].notna(), "").astype(str)
    # The words of a name run the way their script does.
    titles = [f"<bdi>{_text(n)}</bdi>" if n else _text(i)
              for n, i in zip(names, stations["site_id"], strict=True)]  # fmt: skip
    columns: dict[str, list[str]] = {
        "what": titles,
        "id": [_text(v) for v in stations["site_id"]],
        "chargers": [_text(v) for v in stations["chargers"]],
        "power": [f"{v:,.0f} kW" for v in stations["power_kw"]],
        "money": [
            f"PKR {s / 1e6:,.2f} m of {c / 1e6:,.2f} m"
            for s, c in zip(stations["subsidy_pkr"], stations["cost_pkr"], strict=True)
        ],
        "serves": [
            f"{got:,.0f} of {room:,.0f} kWh/day"
            for got, room in zip(
                stations["served_kwh_day"], stations["capacity_kwh_day"], strict=True
            )
        ],
    }
    words = {"what": "Station", "id": "Id", "chargers": "Chargers", "power": "Power",
             "money": "Public money", "serves": "Serves"}  # fmt: skip
    table = gpd.GeoDataFrame(columns, geometry=stations.geometry.to_numpy(), crs=stations.crs)
    return table, words
