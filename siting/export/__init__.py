"""What a plan leaves behind: GeoJSON, one GeoPackage, CSV, JSON and a picture."""

from siting.export.flat import write_csv, write_json
from siting.export.geojson import write_geojson
from siting.export.geopackage import write_geopackage
from siting.export.layers import demand_layer, service_layer
from siting.export.lonlat import to_lonlat
from siting.export.picture import draw_plan
from siting.export.run import write_run_tables

__all__ = [
    "demand_layer",
    "draw_plan",
    "service_layer",
    "to_lonlat",
    "write_csv",
    "write_geojson",
    "write_geopackage",
    "write_json",
    "write_run_tables",
]
