"""QGIS styles as XML (QML): symbols, renderers, labels, and the document around them.

Only differences from the defaults of QGIS 3.22 are written. Sizes are millimetres on paper. A layer
with ``scale=50_000`` is shown at 1:50,000 and closer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from siting.texts import qgis_label, visible

QGIS_VERSION = "3.22.0"
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
# QGIS's codes for properties set by a field and by an expression.
_FIELD, _EXPRESSION = 2, 3
_AREA = 1  # the area of a marker is in proportion to the value
LEAST_MM, MOST_MM = 1.0, 8.0  # widths of markers sized by a field
# Positions of labels: along a line, and beside a point or area.
_ALONG_LINE = {"placement": "2", "placementFlags": "9", "repeatDistance": "60",
               "repeatDistanceUnits": "MM"}  # fmt: skip
_BESIDE_POINT = {"placement": "6", "dist": "0", "distUnits": "MM", "offsetType": "1",
                 "predefinedPositionOrder": "TR,TL,BR,BL,R,L,TSR,BSR"}  # fmt: skip


class Class(NamedTuple):
    """One class of a layer: its value or range of values, its legend text, and its symbol."""

    value: Any
    label: str
    symbol: Element


class Rule(NamedTuple):
    """One drawing rule: a filter for features, a legend text, a symbol, and a scale (0: any)."""

    where: str
    label: str
    symbol: Element
    scale: int = 0


class Size(NamedTuple):
    """Marker areas in proportion to a field; a marker with the value `most` is `MOST_MM` wide."""

    field: str
    most: float
    title: str
    examples: tuple[tuple[float, str], ...]


def colour(hex_: str, alpha: float = 1.0) -> str:
    """Return a colour as QGIS writes it.

    >>> colour("#0072b2", 0.5)
    '0,114,178,128'
    """
    red, green, blue = (int(hex_[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * alpha)}"


def marker(
    shape: str, fill: str, size_mm: float, *, outline: str = "#ffffff", outline_mm: float = 0.3,
    size: Size | None = None,
) -> Element:  # fmt: skip
    """Return a marker, such as ``circle``, ``square``, ``triangle`` or ``cross2``."""
    part = {
        "name": shape,
        "color": colour(fill),
        "outline_color": colour(outline),
        "outline_width": f"{outline_mm:g}",
        "outline_width_unit": "MM",
        "size": f"{size_mm:g}",
        "size_unit": "MM",
        "scale_method": "diameter",
    }
    driven = {}
    if size is not None:
        by_area = {
            "exponent": 0.5,
            "minSize": LEAST_MM,
            "maxSize": MOST_MM,
            "minValue": 0.0,
            "maxValue": float(size.most),
            "nullSize": 2.0,
            "scaleType": _AREA,
        }
        by_field = {"transformer": {"d": by_area, "t": 1}, "type": _FIELD}
        driven["size"] = {"active": True, "field": size.field, **by_field}
    return _symbol("marker", "SimpleMarker", part, driven)


def line(
    hex_: str, width_mm: float, *, alpha: float = 1.0, level: int = 0, width_by: str = ""
) -> Element:
    """Return a line; `width_by` is an expression for its width in millimetres."""
    part = {
        "line_color": colour(hex_, alpha),
        "line_width": f"{width_mm:g}",
        "line_width_unit": "MM",
        "line_style": "solid",
        "capstyle": "round",
        "joinstyle": "round",
    }
    by_width = {"active": True, "expression": width_by, "type": _EXPRESSION}
    driven = {"outlineWidth": by_width} if width_by else {}
    return _symbol("line", "SimpleLine", part, driven, level)


def fill(
    hex_: str, *, alpha: float = 1.0, outline: str = "#ffffff", outline_mm: float = 0.08,
    style: str = "solid",
) -> Element:  # fmt: skip
    """Return a fill; `style` is ``solid``, ``no`` (outline only) or a hatch (``b_diagonal``)."""
    part = {
        "color": colour(hex_, alpha),
        "style": style,
        "outline_color": colour(outline),
        "outline_style": "solid" if outline_mm else "no",
        "outline_width": f"{outline_mm:g}",
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
    }
    return _symbol("fill", "SimpleFill", part, {})


def single(symbol: Element, size: Size | None = None) -> Element:
    """Return a renderer with one symbol for every feature."""
    renderer = _renderer("singleSymbol", [symbol])
    _add_size_legend(renderer, size, symbol)
    return renderer


def categorised(expression: str, classes: Sequence[Class], size: Size | None = None) -> Element:
    """Return a renderer with a symbol for each value of an expression."""
    renderer, categories = _classed("categorizedSymbol", "categories", classes, attr=expression)
    for i, (value, label, _) in enumerate(classes):
        kind = {bool: "bool", int: "integer"}.get(type(value), "string")
        SubElement(categories, "category", value=_value(value), type=kind,
                   label=qgis_label(label), symbol=str(i), render="true")  # fmt: skip
    if classes:
        _add_size_legend(renderer, size, classes[0].symbol)
    return renderer


def graduated(field: str, classes: Sequence[Class]) -> Element:
    """Return a renderer with a symbol for each range ``(low, high)`` of a field."""
    renderer, ranges = _classed(
        "graduatedSymbol", "ranges", classes, attr=field, graduatedMethod="GraduatedColor"
    )
    for i, ((low, high), label, _) in enumerate(classes):
        SubElement(ranges, "range", lower=f"{low:.15g}", upper=f"{high:.15g}",
                   label=qgis_label(label), symbol=str(i), render="true")  # fmt: skip
    return renderer


def rules(rule_list: Sequence[Rule]) -> Element:
    """Return a renderer with rules; symbols of a higher level are drawn on top."""
    renderer = _renderer("RuleRenderer", [rule.symbol for rule in rule_list], symbollevels="1")
    root = Element("rules", key="{root}")
    for i, rule in enumerate(rule_list):
        made = SubElement(root, "rule", key=f"{{rule{i}}}", symbol=str(i),
                          label=qgis_label(rule.label), filter=rule.where)  # fmt: skip
        if rule.scale:
            made.set("scalemaxdenom", str(rule.scale))
            made.set("scalemindenom", "1")
    renderer.insert(0, root)
    return renderer


def labels(
    expression: str, *, scale: int, size_pt: float = 8.0, hex_: str = "#1f2937",
    along_line: bool = False, away_mm: float = 0.0, priority: int = 5,
) -> Element:  # fmt: skip
    """Return labels with an expression's text and a white halo, shown at `scale` and closer."""
    labeling = ET.fromstring((files("siting.export") / "labels.xml").read_text(encoding="utf-8"))
    style, placement, rendering = (
        next(labeling.iter(tag)) for tag in ("text-style", "placement", "rendering")
    )
    style.attrib.update(fieldName=expression, fontSize=f"{size_pt:g}", textColor=colour(hex_))
    placement.set("priority", str(priority))
    if along_line:
        placement.attrib.update(_ALONG_LINE)
    else:
        placement.attrib.update(_BESIDE_POINT, dist=f"{away_mm:g}")
    rendering.attrib.update(scaleMax=str(scale), mergeLines="1" if along_line else "0")
    return labeling


def area_labels(expression: str) -> Element:
    """Return labels in the middle of polygons."""
    labeling = labels(expression, scale=400_000, size_pt=9.0, hex_="#374151")
    style, placement = (next(labeling.iter(tag)) for tag in ("text-style", "placement"))
    style.attrib.update(fontWeight="75", namedStyle="Bold")
    placement.attrib.update(placement="1", centroidInside="1")
    return labeling


def document(
    renderer: Element, *, labeling: Element | None = None, aliases: Iterable[tuple[str, str]] = (),
    shown_by: str = "", scale: int = 0, opacity: float = 1.0,
) -> str:  # fmt: skip
    """Return the style of a layer as QML.

    `aliases` maps fields to readable names. `shown_by` is the expression that names a feature.
    With ``scale=50_000``, the layer is shown at 1:50,000 and closer; 0 means at any scale.
    """
    root = Element("qgis", version=QGIS_VERSION,
                   styleCategories="LayerConfiguration|Symbology|Labeling|Fields|Rendering",
                   hasScaleBasedVisibilityFlag="1" if scale else "0",
                   minScale=str(scale or 100_000_000), maxScale="0",
                   labelsEnabled="1" if labeling is not None else "0")  # fmt: skip
    root.append(renderer)
    if labeling is not None:
        root.append(labeling)
    SubElement(root, "blendMode").text = "0"
    SubElement(root, "layerOpacity").text = f"{opacity:g}"
    named = SubElement(root, "aliases")
    for i, (field, words) in enumerate(aliases):
        SubElement(named, "alias", index=str(i), field=field, name=words)
    if shown_by:
        SubElement(root, "previewExpression").text = shown_by
    return qgis_xml(root) + "\n"


def qgis_xml(root: Element) -> str:
    """Return the text of a QGIS document, without characters that XML forbids."""
    ET.indent(root, " ")
    return _DOCTYPE + visible(ET.tostring(root, encoding="unicode"))


def _classed(kind: str, tag: str, classes: Sequence[Class], **more: str) -> tuple[Element, Element]:
    """Return a renderer with the attributes `more`, and the empty element for its classes."""
    renderer = _renderer(kind, [one.symbol for one in classes], **more)
    element = Element(tag)
    renderer.insert(0, element)
    return renderer, element


def _renderer(kind: str, symbols: Sequence[Element], **more: str) -> Element:
    usual = {"type": kind, "symbollevels": "0", "enableorderby": "0"}
    renderer = Element("renderer-v2", usual | more)
    symbol_list = SubElement(renderer, "symbols")
    for i, symbol in enumerate(symbols):
        symbol.set("name", str(i))
        symbol_list.append(symbol)
    SubElement(renderer, "rotation")
    SubElement(renderer, "sizescale")
    return renderer


def _symbol(
    kind: str, layer: str, part: dict[str, str], driven: dict[str, Any], level: int = 0
) -> Element:
    symbol = Element("symbol", type=kind, alpha="1", clip_to_extent="1", force_rhr="0")
    made = SubElement(symbol, "layer", {"class": layer, "pass": str(level), "enabled": "1",
                                        "locked": "0"})  # fmt: skip
    made.append(_option("", part))
    if driven:
        collection = {"name": "", "properties": driven, "type": "collection"}
        SubElement(made, "data_defined_properties").append(_option("", collection))
    return symbol


def _option(name: str, value: object) -> Element:
    """Return a mapping, string, number or flag as QGIS's nested ``Option`` elements."""
    option = Element("Option")
    if name:
        option.set("name", name)
    if isinstance(value, dict):
        option.set("type", "Map")
        option.extend(_option(key, inner) for key, inner in value.items())
        return option
    kind = {bool: "bool", int: "int", float: "double"}.get(type(value), "QString")
    option.attrib.update(type=kind, value=_value(value))
    return option


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _add_size_legend(renderer: Element, size: Size | None, symbol: Element) -> None:
    if size is None:
        return
    if renderer.get("type") != "singleSymbol":
        # QGIS draws this symbol in the example sizes of the size legend.
        source = SubElement(renderer, "source-symbol")
        copy = ET.fromstring(ET.tostring(symbol))
        copy.set("name", "0")
        source.append(copy)
    legend = SubElement(renderer, "data-defined-size-legend", type="separated", title=size.title,
                        valign="bottom")  # fmt: skip
    classes = SubElement(legend, "classes")
    for value, text in size.examples:
        SubElement(classes, "class", size=f"{value:g}", label=text)
