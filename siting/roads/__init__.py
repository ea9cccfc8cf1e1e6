"""Road networks with driving times, and the sites that drivers reach from each cell."""

from siting.roads.build import build_network
from siting.roads.cache import cached_network
from siting.roads.direct import network_from_file
from siting.roads.download import Download, download_features, download_streets, geocode
from siting.roads.isochrones import isochrones
from siting.roads.neighbourhoods import PLACE_KINDS, read_neighbourhoods
from siting.roads.network import Network, utm_epsg
from siting.roads.source import ROAD_SUFFIXES, read_file, require_osmnx_form
from siting.roads.speeds import class_speeds, parse_maxspeed
from siting.roads.travel import minutes_to_nearest, reach, snap, travel_times

__all__ = [
    "PLACE_KINDS", "ROAD_SUFFIXES", "Download", "Network", "build_network", "cached_network",
    "class_speeds", "download_features", "download_streets", "geocode", "isochrones",
    "minutes_to_nearest", "network_from_file", "parse_maxspeed", "reach", "read_file",
    "read_neighbourhoods", "require_osmnx_form", "snap", "travel_times", "utm_epsg",
]  # fmt: skip
