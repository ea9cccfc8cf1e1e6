"""Convert between the coordinates of the sector grid, in metres, and longitude and latitude.

``u`` runs along the rows of sectors against the column numbers, from sector 16 towards sector 5
(about east-north-east). ``v`` runs across the rows, from row I towards row C (about
north-north-west, to the Margalla hills). The module uses only the standard library, so the written
bytes do not depend on the version of a projection library.
"""

from __future__ import annotations

import math

# The origin is a round number near the crossing of Jinnah Avenue and Faisal Avenue. The rotation is
# the median direction of the real streets in sectors F-7 to G-10, anticlockwise from east.
ORIGIN_LON, ORIGIN_LAT = 73.05, 33.71
ROTATION_DEG = 32.05

_COS = math.cos(math.radians(ROTATION_DEG))
_SIN = math.sin(math.radians(ROTATION_DEG))


def _lat_degree_m(lat: float) -> float:
    # Length of a degree of latitude on the WGS 84 ellipsoid, from the usual cosine series.
    rad = math.radians(lat)
    return 111132.954 - 559.822 * math.cos(2 * rad) + 1.175 * math.cos(4 * rad)


def _lon_degree_m(lat: float) -> float:
    rad = math.radians(lat)
    return 111412.84 * math.cos(rad) - 93.5 * math.cos(3 * rad) + 0.118 * math.cos(5 * rad)


def lonlat_about(lon: float, lat: float, east: float, north: float) -> tuple[float, float]:
    """Return lon and lat, to 7 decimals, of a point at given distances (m) from another point."""
    up = lat + north / _lat_degree_m(lat)
    return round(lon + east / _lon_degree_m(up), 7), round(up, 7)


def to_lonlat(u: float, v: float) -> tuple[float, float]:
    """Return the longitude and latitude of a point of the grid, in degrees to 7 decimals.

    Parameters
    ----------
    u, v
        Metres along and across the sector rows.
    """
    east, north = u * _COS - v * _SIN, u * _SIN + v * _COS
    return lonlat_about(ORIGIN_LON, ORIGIN_LAT, east, north)


def to_grid(lon: float, lat: float) -> tuple[float, float]:
    """Return the grid coordinates of a point, in metres along and across the sector rows.

    Parameters
    ----------
    lon, lat
        Degrees, WGS 84.
    """
    east = (lon - ORIGIN_LON) * _lon_degree_m(lat)
    north = (lat - ORIGIN_LAT) * _lat_degree_m(ORIGIN_LAT)
    return east * _COS + north * _SIN, -east * _SIN + north * _COS
