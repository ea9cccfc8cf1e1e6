"""Streets, places and points of interest from OpenStreetMap's servers, through OSMnx.

Complete and valid answers are stored in OSMnx's format, so that later runs work offline.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
from shapely import MultiPolygon, Polygon

from siting.errors import DownloadError, InputError
from siting.roads.server_answers import Answers, Trouble, trouble_of, troubles

if TYPE_CHECKING:
    import networkx as nx

logger = logging.getLogger(__name__)

# Minimum time limit of an Overpass query (s). It is part of the query, the key of stored answers.
_QUERY_S = 180
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Download:
    """Settings for downloads from OpenStreetMap's servers."""

    cache_dir: Path  # where answers are stored in OSMnx's format; may be OSMnx's own cache
    overpass_url: str = "https://overpass-api.de/api"
    nominatim_url: str = "https://nominatim.openstreetmap.org/"
    timeout_s: float = 180  # an attempt fails after this many seconds without data
    retries: int = 3  # further attempts after a failure that may be temporary
    # Seconds before the first retry. The wait doubles with each further retry, up to a minute. The
    # server may request a longer wait, up to a minute (``Retry-After``).
    pause_s: float = 5


def download_streets(
    area: str | Polygon | MultiPolygon, download: Download
) -> nx.MultiDiGraph[Any]:
    """Return the drivable streets of an area as an OSMnx graph in lon/lat (``length`` in m).

    `area` is the name of an area in Nominatim, e.g. ``"Islamabad, Pakistan"``, or a polygon in
    lon/lat. The result equals ``osmnx.graph_from_place(area, network_type="drive")``, except that
    unconnected parts are kept. Raises `InputError` if the polygon is empty, crosses itself or is
    not in degrees. If the download fails, a `DownloadError` names the server, the failure, the
    number of attempts and a remedy.
    """
    import osmnx as ox

    read: Callable[..., nx.MultiDiGraph[Any]] = ox.graph_from_place
    told = repr(area)
    if not isinstance(area, str):
        _require_area(area)
        read, told = ox.graph_from_polygon, f"the area {_bounds(area)}"
    drive = partial(read, area, network_type="drive", retain_all=True)
    return _fetch(drive, f"streets of {told}", download)


def download_features(
    polygon: Polygon | MultiPolygon, tags: dict[str, bool | str | list[str]], download: Download
) -> gpd.GeoDataFrame:
    """Return the points of interest of an area as points in lon/lat (EPSG:4326).

    `polygon` is the area in lon/lat. Features with any of the OSM `tags` are returned, e.g.
    ``{"amenity": ["fuel", "parking"], "shop": "mall"}``.

    Columns: ``osm_id`` (``node/…``, ``way/…``, ``relation/…``), a column per tag found, and
    ``geometry`` (for a line or area, a point inside). Rows are sorted by kind and id. Raises
    `InputError` if the polygon is empty, crosses itself or is not in degrees. Raises
    `DownloadError` as in `download_streets`, and if no feature has any of the tags.
    """
    _require_area(polygon)
    words = ", ".join(f"{tag}={value}" for tag, value in tags.items())
    import osmnx as ox

    found = partial(ox.features_from_polygon, polygon, tags)
    features = _fetch(found, f"{words} in the area {_bounds(polygon)}", download)
    kind, number = (features.index.get_level_values(level).astype(str) for level in (0, 1))
    points = features.reset_index(drop=True)
    points["geometry"] = points.geometry.representative_point()
    points.insert(0, "osm_id", kind + "/" + number)
    return points


def geocode(query: str, download: Download) -> Polygon | MultiPolygon:
    """Return the outline of a named place in lon/lat.

    `query` is the name of an area in Nominatim. Raises `DownloadError` as in `download_streets`,
    and if the place is unknown or is only a point.
    """
    import osmnx as ox

    def outline() -> Polygon | MultiPolygon:
        return cast("Polygon | MultiPolygon", ox.geocode_to_gdf(query).union_all())

    return _fetch(outline, f"the outline of {query!r}", download)


def _fetch[T](work: Callable[[], T], what: str, download: Download) -> T:
    """Return OSMnx's result, and retry requests whose failure may be temporary."""
    answers = Answers(Path(download.cache_dir))
    query_s = max(_QUERY_S, round(download.timeout_s))
    failed = 0
    with answers.in_osmnx(
        overpass_url=download.overpass_url,
        nominatim_url=download.nominatim_url,
        requests_timeout=download.timeout_s,
        overpass_settings=f"[out:json][timeout:{query_s}]{{maxsize}}",
    ):
        while True:
            kept = answers.kept
            try:
                result = work()
            except troubles() as err:
                trouble = trouble_of(err, download.timeout_s)
                if trouble is None:
                    raise
                if trouble.empty and answers.doubt_empty():
                    continue
                # After an answer is stored, failures of the next request are counted from 1.
                failed = 1 if answers.kept > kept else failed + 1
                if not trouble.may_pass or failed > download.retries:
                    raise _download_error(trouble, what, failed, answers, download) from err
                pause_s = max(download.pause_s * 2 ** (failed - 1), trouble.wait_s)
                pause_s = min(pause_s, _LONGEST_PAUSE_S)
                told = (answers.server, trouble.what, pause_s, failed, download.retries)
                logger.warning("%s: %s; retry in %.0f s (%d of %d)", *told)
                time.sleep(pause_s)
            else:
                answers.keep_pending()
                return result


def _download_error(
    trouble: Trouble, what: str, failed: int, answers: Answers, download: Download
) -> DownloadError:
    key = "overpass_url" if answers.server.endswith("/interpreter") else "nominatim_url"
    tries = "1 try" if failed == 1 else f"{failed} tries"
    fix = trouble.fix or (
        f"try later, or set download.{key} to another server; run `siting fetch CONFIG` when "
        "online, to keep the answers for offline use"
    )
    return DownloadError(answers.server, f"{what}: {trouble.what} ({tries})", fix)


def _require_area(polygon: Polygon | MultiPolygon) -> None:
    if not isinstance(polygon, Polygon | MultiPolygon) or polygon.is_empty:
        raise InputError("polygon", "is not an area", "use a polygon or a box")
    if not polygon.is_valid:
        raise InputError("polygon", "crosses itself", "repair it, e.g. with shapely.make_valid")
    west, south, east, north = polygon.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise InputError("polygon", f"{_bounds(polygon)} is not in degrees", "use lon/lat")


def _bounds(polygon: Polygon | MultiPolygon) -> str:
    return ", ".join(f"{degree:g}" for degree in polygon.bounds)
