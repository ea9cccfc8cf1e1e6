"""The files of a plan: GeoJSON, GeoPackage, QGIS styles, CSV, JSON and pictures."""

from siting.export.charts import frontier_figure, plot_plan, save_plan_pictures
from siting.export.credit import credit_line, noted, owners_of
from siting.export.dictionary import data_dictionary_of, fields_of, with_units
from siting.export.exchange import write_exchange
from siting.export.figure import save_figure
from siting.export.geojson import geojson_of, write_geojson
from siting.export.geopackage import write_geopackage
from siting.export.layers import demand_layer, outside_layer, road_layer, wanted_layer
from siting.export.lonlat import to_lonlat
from siting.export.maps import draw_demand, plan_figure
from siting.export.run_tables import layers_of, write_run_tables
from siting.export.styles import styles_of, write_qml
from siting.export.values import json_text, write_csv, write_json

__all__ = [
    "credit_line", "data_dictionary_of", "demand_layer", "draw_demand", "fields_of",
    "frontier_figure", "geojson_of", "json_text", "layers_of", "noted", "outside_layer",
    "owners_of", "plan_figure", "plot_plan", "road_layer", "save_figure", "save_plan_pictures",
    "styles_of", "to_lonlat", "wanted_layer", "with_units", "write_csv", "write_exchange",
    "write_geojson", "write_geopackage", "write_json", "write_qml", "write_run_tables",
]  # fmt: skip
