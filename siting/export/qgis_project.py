"""A QGIS project for a plan's GeoPackage: layer order, styles, map tips and a print page."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from siting.export.ground import nice
from siting.export.qml import QGIS_VERSION, qgis_xml
from siting.export.styles import Style
from siting.roads.network import utm_epsg
from siting.texts import qgis_label
from siting.writing import write_whole

# Layers that are hidden at first.
_OFF = ("candidates", "dropped", "service", "alternative_sites", "isochrones")
_IN_LEGEND = ("sites", "roads", "zones", "demand")
_GEOMETRY = {"Point": "Point", "LineString": "Line", "Polygon": "Polygon"}


def _text(field: str) -> str:
    """Return a map-tip expression that inserts a text field, with HTML characters escaped."""
    return f"[% replace(replace({field}, '&', '&amp;'), '<', '&lt;') %]"


_TIPS = {
    "sites": f"<b>{_text('name')}</b><br>{_text('whereabouts')}<br>{_text('chargers')}<br>"
    "[% round(served_kwh_day) %] kWh/day, PKR [% format_number(subsidy_pkr, 0) %] of public money",
    "demand": "demand [% round(demand_kwh_day, 1) %] kWh/day, "
    "[% round(served_kwh_day, 1) %] kWh/day served",
    "isochrones": "[% over_min %] to [% within_min %] minutes to the nearest station: "
    "[% format_number(people, 0) %] people, [% round(100 * people_share) %] % of all people",
    "candidates": f"<b>{_text('name')}</b><br>{_text('kind')}",
    "roads": _text("name"),
}
_ID = "siting_plan_layer_"  # QGIS rejects short layer ids
# Labels and scale bar of the page; QGIS identifies the types of page items by numbers.
_LABEL, _SCALE_BAR = "LayoutItem[@type='65641']", "LayoutItem[@type='65646']"
_MAP_MM = (205.0, 168.0)
_BAR_MM = 48.0  # width of the scale bar; 60 mm with its labels


def write_qgis_project(
    path: Path, layers: Mapping[str, pd.DataFrame], styles: Mapping[str, Sequence[Style]],
    title: str, note: str, credit: str,
) -> None:  # fmt: skip
    """Write a QGIS project with the layers of ``plan.gpkg`` in the same folder.

    The first of `layers` is drawn on top, and tables are skipped. Each layer is drawn in the first
    of its `styles`. The print page shows `title`, `note` and `credit` (the source of the data).
    """
    shown = {name: layer for name, layer in layers.items() if styles.get(name) and len(layer)}
    points = gpd.GeoDataFrame(shown.get("roads", next(iter(shown.values()))))
    local = points if points.crs.is_projected else points.to_crs(utm_epsg(points.total_bounds))
    crs, bounds = local.crs.to_string(), local.total_bounds
    root = Element("qgis", version=QGIS_VERSION, projectname=title)
    SubElement(root, "title").text = title
    _crs(SubElement(root, "projectCrs"), crs)
    tree = SubElement(root, "layer-tree-group")
    project_layers = SubElement(root, "projectlayers")
    for name, layer in shown.items():
        source = f"./plan.gpkg|layername={name}"
        checked = "Qt::Unchecked" if name in _OFF else "Qt::Checked"
        SubElement(tree, "layer-tree-layer", id=_ID + name, name=name.replace("_", " "),
                   source=source, providerKey="ogr", checked=checked, expanded="0")  # fmt: skip
        project_layers.append(_layer(name, layer, styles[name][0], source))
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas")
    SubElement(canvas, "units").text = "meters"
    extent = SubElement(canvas, "extent")
    for side, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True):
        SubElement(extent, side).text = f"{value:.3f}"
    _crs(SubElement(canvas, "destinationsrs"), crs)
    heads = {name: styles[name][0].name for name in shown if name in _IN_LEGEND}
    SubElement(root, "Layouts").append(_page(title, note, credit, bounds, heads))
    properties = SubElement(root, "properties")
    system = SubElement(properties, "SpatialRefSys")
    SubElement(system, "ProjectionsEnabled", type="int").text = "1"
    SubElement(SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    text = qgis_xml(root)

    def write(part: Path) -> None:
        # Timestamps in the archive are fixed, so that the same plan gives the same file.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
            inside = zipfile.ZipInfo("plan.qgs", (2000, 1, 1, 0, 0, 0))
            inside.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(inside, text)

    write_whole(path, write)


def _layer(name: str, layer: pd.DataFrame, style: Style, source: str) -> Element:
    drawn = ET.fromstring(style.qml.split("\n", 1)[1])
    out = Element("maplayer", drawn.attrib)
    kind = str(gpd.GeoDataFrame(layer).geom_type.dropna().iloc[0]).removeprefix("Multi")
    out.attrib.update(type="vector", geometry=_GEOMETRY[kind])
    SubElement(out, "id").text = _ID + name
    SubElement(out, "datasource").text = source
    SubElement(out, "layername").text = name.replace("_", " ")
    _crs(SubElement(out, "srs"), "EPSG:4326")
    SubElement(out, "provider", encoding="UTF-8").text = "ogr"
    out.extend(list(drawn))
    if name in _TIPS:
        SubElement(out, "mapTip").text = _TIPS[name]
    return out


def _crs(into: Element, authid: str) -> None:
    system = SubElement(into, "spatialrefsys", nativeFormat="Wkt")
    SubElement(system, "wkt").text = CRS(authid).to_wkt("WKT2_2019")
    SubElement(system, "authid").text = authid


def _page(
    title: str, note: str, credit: str, bounds: Sequence[float], heads: Mapping[str, str]
) -> Element:
    """Return an A4 page, with `heads` as the titles of layers in its legend."""
    layout = ET.fromstring((files("siting.export") / "qgis_page.xml").read_text(encoding="utf-8"))
    extent, tree, bar = (
        next(layout.iterfind(path)) for path in (".//Extent", ".//layer-tree-group", _SCALE_BAR)
    )
    for label, text in zip(layout.findall(_LABEL), (title, note, credit), strict=True):
        label.set("labelText", qgis_label(text))
        if not text:
            layout.remove(label)
    west, south, east, north = bounds
    wide, high = _MAP_MM
    scale = 1.04 * max((east - west) / wide, (north - south) / high)
    x, y = (west + east) / 2, (south + north) / 2
    view = [x - scale * wide / 2, y - scale * high / 2, x + scale * wide / 2, y + scale * high / 2]
    extent.attrib.update(zip(extent.attrib, (f"{v:.3f}" for v in view), strict=True))
    for name, head in heads.items():
        node = SubElement(tree, "layer-tree-layer", id=_ID + name, name=name, providerKey="ogr",
                          source=f"./plan.gpkg|layername={name}", expanded="1")  # fmt: skip
        options = SubElement(SubElement(node, "customproperties"), "Option", type="Map")
        SubElement(options, "Option", name="legend/title-label", type="QString", value=head)
    piece_m = nice(scale * _BAR_MM / 2, below=True)
    kind, unit, metres = ("km", "km", 1000) if piece_m >= 1000 else ("meters", "m", 1)
    bar.attrib.update(unitType=kind, unitLabel=unit, numUnitsPerSegment=f"{piece_m / metres:g}")
    return layout
