"""Run by the Python that QGIS comes with, not by pytest: loads layers, draws maps, and reports.

Reads ``{"layers": {name: uri}, "maps": {png: {"layers": [name], "scale": number or 0}}}`` from the
standard input, perhaps with ``"project": path``, and writes JSON to the standard output.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsExpression,
    QgsExpressionContext,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsSymbolLegendNode,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIZE, DPI = (900, 700), 96


def main():
    asked = json.load(sys.stdin)
    app = QgsApplication([], False)
    app.initQgis()
    said = []
    log = QgsApplication.messageLog()
    log.messageReceived.connect(lambda text, tag, level: said.append([tag, text, int(level)]))
    layers = {name: QgsVectorLayer(uri, name, "ogr") for name, uri in asked["layers"].items()}
    seen = {name: look(layer) for name, layer in layers.items()}
    maps = {
        png: draw(png, [layers[n] for n in what["layers"]], what["scale"])
        for png, what in asked["maps"].items()
    }
    found = {"layers": seen, "maps": maps, "log": said}
    if "project" in asked:
        found["project"] = project(asked["project"])
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    # QGIS is known to fall over while its parts are taken down in the wrong order.
    os._exit(0)


def project(path):
    whole = QgsProject.instance()
    read = whole.read(path)
    nodes = whole.layerTreeRoot().findLayers()
    layouts = whole.layoutManager().layouts()
    return {
        "read": read,
        "title": whole.title(),
        "crs": whole.crs().authid(),
        "layers": [(n.name(), n.isVisible(), n.layer() is not None and n.layer().isValid())
                   for n in nodes],
        "renderers": {n.name(): n.layer().renderer().type() for n in nodes if n.layer()},
        "tips": {n.name(): tip(n.layer()) for n in nodes if n.layer()},
        "pages": [one.name() for one in layouts],
        "items": sorted({type(i).__name__ for one in layouts for i in one.items()}),
        "said": [i.currentText() for one in layouts for i in one.items()
                 if isinstance(i, QgsLayoutItemLabel)],
        "legend": [text for one in layouts for i in one.items()
                   if isinstance(i, QgsLayoutItemLegend) for text in legend_texts(i)],
        "page": page(layouts[0]),
    }  # fmt: skip


def legend_texts(legend):
    """Return what the legend of a page says of each symbol, its expressions worked out."""
    legend.adjustBoxSize()
    model, texts = legend.model(), []
    for node in model.rootGroup().findLayers():
        for one in model.layerLegendNodes(node):
            if isinstance(one, QgsSymbolLegendNode):
                texts += [one.evaluateLabel(legend.createExpressionContext())]
    return texts


def page(layout):
    """Print a page as a picture, and return how wide its scale bar is and what its texts are."""
    kinds = {}
    for item in layout.items():
        kinds.setdefault(type(item).__name__, []).append(item)
    exporter = QgsLayoutExporter(layout)
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 60
    with TemporaryDirectory() as place:
        done = exporter.exportToImage(str(Path(place) / "page.png"), settings)
    (bar,), (legend,) = kinds["QgsLayoutItemScaleBar"], kinds["QgsLayoutItemLegend"]
    nodes = legend.model().rootGroup().findLayers()
    return {
        "printed": done == QgsLayoutExporter.Success,
        "bar_ends_mm": bar.pagePos().x() + bar.rect().width(),
        "heads": [node.customProperty("legend/title-label") for node in nodes],
        "texts": [item.text() for item in kinds["QgsLayoutItemLabel"]],
    }


def tip(layer):
    """Return what the map tip of a layer's first feature says, as HTML."""
    context = QgsExpressionContext()
    context.setFields(layer.fields())
    context.setFeature(next(layer.getFeatures()))
    return QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context)


def look(layer):
    found = {"valid": layer.isValid(), "features": layer.featureCount()}
    if not layer.isValid() or layer.renderer() is None:
        return found
    renderer = layer.renderer()
    legend = [(i.label(), i.symbol().color().name() if i.symbol() else "")
              for i in renderer.legendSymbolItems()]  # fmt: skip
    names = [f.name() for f in layer.fields()]
    styles = layer.listStylesInDatabase()[2] if "gpkg" in layer.source() else []
    found.update(
        renderer=renderer.type(),
        legend=legend,
        labels=layer.labelsEnabled(),
        scale=layer.minimumScale() if layer.hasScaleBasedVisibility() else 0,
        aliases={n: layer.attributeAlias(i) for i, n in enumerate(names)},
        comments={f.name(): f.comment() for f in layer.fields()},
        shown_by=layer.displayExpression(),
        styles=list(styles),
        crs=layer.crs().authid(),
        unmatched=unmatched(layer, renderer),
    )
    if layer.labelsEnabled():
        settings = layer.labeling().settings()
        written = settings.format()  # kept, because its halo dies with it
        found["label"] = {
            "text": settings.fieldName,
            "scale": settings.minimumScale,
            "halo": written.buffer().enabled(),
        }
    return found


def unmatched(layer, renderer):
    """Count features that no class of the renderer draws."""
    from qgis.core import QgsRenderContext

    context = QgsRenderContext()
    context.expressionContext().appendScope(layer.createExpressionContextScope())
    context.setRendererScale(1000)
    renderer.startRender(context, layer.fields())
    missing = 0
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        missing += not renderer.willRenderFeature(feature, context)
    renderer.stopRender(context)
    return missing


def draw(png, layers, scale):
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setOutputSize(QSize(*SIZE))
    settings.setOutputDpi(DPI)
    settings.setBackgroundColor(QColor("#ffffff"))
    metres = QgsCoordinateReferenceSystem("EPSG:32643")
    settings.setDestinationCrs(metres)
    to_metres = QgsCoordinateTransform(layers[-1].crs(), metres, QgsProject.instance())
    extent = to_metres.transformBoundingBox(layers[-1].extent())
    extent.scale(1.05)
    if scale:
        centre = extent.center()
        half = [scale * pixels / DPI * 0.0254 / 2 for pixels in SIZE]
        extent = QgsRectangle(centre.x() - half[0], centre.y() - half[1],
                              centre.x() + half[0], centre.y() + half[1])  # fmt: skip
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(png)
    return {"errors": [e.message for e in job.errors()], "scale": settings.scale()}


main()
