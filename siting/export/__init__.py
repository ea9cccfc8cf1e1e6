"""What a plan leaves behind: GeoJSON, one GeoPackage, CSV, JSON and a picture."""

from siting.export.demand_picture import draw_demand
from siting.export.flat import write_csv, write_json
from siting.export.frontier_picture import draw_frontier
from siting.export.geojson import write_geojson
from siting.export.geopackage import write_geopackage
from siting.export.layers import demand_layer, outside_layer, service_layer, wanted_layer
from siting.export.lonlat import to_lonlat
from siting.export.picture import draw_plan
from siting.export.run import write_run_tables

__all__ = [
    "demand_layer",
    "draw_demand",
    "draw_frontier",
    "draw_plan",
    "outside_layer",
    "service_layer",
    "to_lonlat",
    "wanted_layer",
    "write_csv",
    "write_geojson",
    "write_geopackage",
    "write_json",
    "write_run_tables",
]
