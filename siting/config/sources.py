"""Sources of roads, people and candidate sites: one section for each kind of source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from siting.config.fields import (
    GRAPHML_SUFFIXES,
    OSM_SUFFIXES,
    PAKISTAN_WSEN,
    LayerFile,
    OsmFile,
    PolygonFile,
    RasterFile,
    Refusal,
    RoadFile,
    Section,
    SpreadFile,
    Tags,
    Text,
)

OSM_SOURCE = "OpenStreetMap"
OSM_LICENCE = "ODbL 1.0"
OSM_ATTRIBUTION = "© OpenStreetMap contributors"

Source = Annotated[
    str, Field(description="who published the data, and when; repeated in every output")
]
Licence = Annotated[str, Field(description="licence of the data; repeated in every output")]
Attribution = Annotated[
    str, Field(description="whom to credit for the data; repeated in every output")
]


class RoadsPlace(Section):
    """Roads of a named place, downloaded from OpenStreetMap through OSMnx."""

    kind: Literal["place"]
    """roads of a named place"""
    query: Text
    """name of the place in Nominatim, e.g. "Saddar, Karachi, Pakistan"; only roads inside the
    outline of this place are used"""
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class RoadsBbox(Section):
    """Roads inside a box of longitude and latitude, downloaded from OpenStreetMap through OSMnx."""

    kind: Literal["bbox"]
    """roads inside a box"""
    west_deg: float
    """western edge of the box, degrees of longitude"""
    south_deg: float
    """southern edge of the box, degrees of latitude"""
    east_deg: float
    """eastern edge of the box, degrees of longitude"""
    north_deg: float
    """northern edge of the box, degrees of latitude"""
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION

    def _refusals(self) -> Iterator[Refusal]:
        west, south, east, north = PAKISTAN_WSEN
        lons, lats = (self.west_deg, self.east_deg), (self.south_deg, self.north_deg)
        if all(south <= v <= north for v in lons) and all(west <= v <= east for v in lats):
            yield (), "longitude and latitude are swapped", "west and east are longitudes"
            return
        axes = (("west", "east", lons, west, east), ("south", "north", lats, south, north))
        for first, last, values, low, high in axes:
            for key, value in zip((first, last), values, strict=True):
                if not low <= value <= high:
                    what = f"{value:g} is outside Pakistan ({low:g} to {high:g} degrees)"
                    yield (f"{key}_deg",), what, ""
        for first, last, (start, end), *_ in axes:
            if start >= end:
                yield (f"{first}_deg",), f"{start:g} is not {first} of {last}_deg, {end:g}", ""


class RoadsPolygon(Section):
    """Roads inside a user's polygon, downloaded from OpenStreetMap through OSMnx."""

    kind: Literal["polygon"]
    """roads inside the polygons of a layer file"""
    path: PolygonFile
    """layer file with the polygon or polygons of the area"""
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class RoadsFile(Section):
    """Roads from a file: OSM XML or PBF, or a graph that OSMnx saved."""

    kind: Literal["file"]
    """roads from a file"""
    path: RoadFile
    """OSM file (PBF or XML), GraphML file from OSMnx, or Parquet network that this package saved;
    XML may be compressed (gz, bz2); a Parquet network keeps its own speeds"""
    clip: PolygonFile | None = None
    """layer file with a polygon; roads outside it are left out; default: all roads of the file"""
    licence: Licence = ""
    attribution: Attribution = ""

    @model_validator(mode="before")
    @classmethod
    def _osm_unless_told(cls, value: Any) -> Any:
        """Credit OpenStreetMap for OSM files and OSMnx graphs that name no other source."""
        if not isinstance(value, dict) or value.get("attribution"):
            return value
        ours = str(value.get("path", "")).lower().endswith((*OSM_SUFFIXES, *GRAPHML_SUFFIXES))
        if not ours or value.get("licence") not in (None, "", OSM_LICENCE):
            return value
        return value | {"licence": OSM_LICENCE, "attribution": OSM_ATTRIBUTION}

    def _refusals(self) -> Iterator[Refusal]:
        if self.clip is not None and self.path.suffix == ".parquet":
            what = "cannot be used with a Parquet network, whose roads are all used"
            yield ("clip",), what, "leave it out, or name the OSM file"


RoadSource = RoadsPlace | RoadsBbox | RoadsPolygon | RoadsFile


class PeoplePoints(Section):
    """People from a layer of points or polygons; polygons are divided among cells by area."""

    kind: Literal["points"]
    """people at the points, or in the polygons, of a layer file"""
    path: LayerFile
    """layer file with one row per point or polygon"""
    column: Text = "people"
    """column with the number of people"""
    raster_deg: float | None = Field(None, gt=0, le=1)
    """width of a raster cell, degrees, if the points are cell centres; people are then spread over
    the cell; default: all people live at the point"""
    clip_to_roads: bool = False
    """whether to leave out people outside the area covered by the road network, for a layer that
    extends beyond the study area; false: all people count, but those too far from a road cannot be
    served"""
    source: Source = ""
    licence: Licence = ""


class PeopleStreets(Section):
    """People as one total, spread in proportion to the length of residential streets."""

    kind: Literal["streets"]
    """a total number of people, spread in proportion to the length of residential streets"""
    total: float = Field(gt=0, le=1e9)
    """number of people in the area"""
    basis: Text
    """source of the total; repeated in every output"""


class PeopleZones(Section):
    """People counted by zone, such as census tehsils, wards or union councils."""

    kind: Literal["zones"]
    """people counted by zone, in polygons of a layer"""
    path: PolygonFile
    """layer file with one polygon per zone"""
    counts: Literal["column", "census"] = "column"
    """column: a column of the layer contains the number of people; census: the layer has only
    outlines, and people, renting and ownership (estimated from rooms) come from the census tehsil
    of the same name"""
    column: Text = "people"
    """column with the number of people"""
    id_column: Text | None = None
    """column with the id of a zone; default: the column `zone_id` or `id`; without either, zones
    are numbered"""
    name_column: Text | None = None
    """column with the zone's display name; default: the column `name`, if there is one; otherwise
    the id"""
    renting_column: Text | None = None
    """column with the share of households that rent; default: unknown"""
    high_rise_column: Text | None = None
    """column with the share of households in high-rises; default: unknown"""
    ownership_column: Text | None = None
    """column with vehicles per head, or a proxy for that, in any unit; zones with higher
    values get more cars, but the total number of cars stays the same; default: cars follow
    population"""
    spread_by: Literal["streets", "buildings", "places"] = "streets"
    """basis for spreading people inside a zone: length of residential streets, footprint of
    buildings, or places"""
    spread_path: SpreadFile | None = None
    """layer or OSM file of the buildings or places; places count equally or, if there is a `weight`
    column, in proportion to it; not used with `spread_by: streets`"""
    clip_to_roads: bool = False
    """whether to count only the part of a zone's people that lives in the area covered by the road
    network (in proportion to area); false: all people of the zone count"""
    source: Source = ""
    licence: Licence = ""

    def _refusals(self) -> Iterator[Refusal]:
        if self.spread_by == "streets" and self.spread_path is not None:
            yield ("spread_path",), "is not used if spread_by is streets", "leave it out"
        if self.spread_by != "streets" and self.spread_path is None:
            yield ("spread_path",), f"missing, but spread_by is {self.spread_by}", ""
        for key in ("renting_column", "ownership_column"):
            if self.counts == "census" and getattr(self, key) is not None:
                yield (key,), "is not used if counts is census", "leave it out"


class PeopleRaster(Section):
    """People from a raster, such as WorldPop, GHSL or HRSL; needs the ``raster`` extra."""

    kind: Literal["raster"]
    """people from a single-band GeoTIFF"""
    path: RasterFile
    """GeoTIFF with people per pixel"""
    density: bool = False
    """whether the values are people per km2, not people per pixel"""
    nodata: float | None = None
    """value that marks missing data, if the raster does not declare one"""
    source: Source = ""
    licence: Licence = ""


PeopleSource = PeoplePoints | PeopleStreets | PeopleZones | PeopleRaster


class PlacesOsmFile(Section):
    """Destinations from the points of interest in an OSM file."""

    kind: Literal["osm_file"]
    """points of interest in an OSM file"""
    path: OsmFile
    """OSM file: PBF or XML, which may be compressed as gz or bz2"""
    source: Source = OSM_SOURCE
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class PlacesOsmDownload(Section):
    """Destinations from OpenStreetMap, downloaded through OSMnx."""

    kind: Literal["osm_download"]
    """points of interest downloaded for the area of the roads"""
    source: Source = OSM_SOURCE
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class PlacesLayer(Section):
    """Destinations from a layer with OSM keys as columns."""

    kind: Literal["layer"]
    """rows of a layer file"""
    path: LayerFile
    """layer file with OSM keys (amenity, shop …) as columns"""
    source: Source = ""
    licence: Licence = ""


PlaceSource = Annotated[
    PlacesOsmFile | PlacesOsmDownload | PlacesLayer, Field(discriminator="kind")
]


class SquareCells(Section):
    """Demand cells as squares of a grid in metres."""

    shape: Literal["square"] = "square"
    """squares"""
    size_m: float = Field(500, gt=0, le=20_000)
    """edge length of a square cell, m"""


class H3Cells(Section):
    """Demand cells as hexagons of the H3 grid; needs the ``h3`` extra."""

    shape: Literal["h3"]
    """hexagons of the H3 grid"""
    resolution: int = Field(8, ge=5, le=12)
    """H3 resolution; at 8, the edge of a hexagon is about 0.5 km"""


def _square_unless_told(value: Any) -> Any:
    if isinstance(value, dict) and "shape" not in value:
        # Users often write `kind` instead of `shape`, as in other sections.
        rest = dict(value)
        return {"shape": rest.pop("kind", "square"), **rest}
    return value


CellShape = Annotated[
    Annotated[SquareCells | H3Cells, Field(discriminator="shape")],
    BeforeValidator(_square_unless_told),
]


_TAGS = "OSM tags of candidates: the accepted values of each key"
_IDS = (
    "column with your own ids, kept as user_id in every output; default: site_id or id, if present"
)
CandidateTags = Annotated[Tags, Field(min_length=1, description=_TAGS)]
OwnIds = Annotated[Text | None, Field(description=_IDS)]


class SitesOsmFile(Section):
    """Candidates from the points of interest in an OSM file."""

    kind: Literal["osm_file"]
    """points of interest in an OSM file"""
    path: OsmFile
    """OSM file: PBF or XML, which may be compressed as gz or bz2"""
    tags: CandidateTags
    source: Source = OSM_SOURCE
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class SitesOsmDownload(Section):
    """Candidates from OpenStreetMap's points of interest, downloaded through OSMnx."""

    kind: Literal["osm_download"]
    """points of interest downloaded for the area of the roads"""
    tags: CandidateTags
    source: Source = OSM_SOURCE
    licence: Licence = OSM_LICENCE
    attribution: Attribution = OSM_ATTRIBUTION


class SitesLayer(Section):
    """Candidates from a user's layer."""

    kind: Literal["layer"]
    """rows of a layer file"""
    path: LayerFile
    """layer file with one row per site"""
    name_column: Text | None = None
    """column with the site's name; default: no names"""
    id_column: OwnIds = None
    site_kind: Text = "site"
    """kind of the sites (fuel, parking, mall …) if no column names it"""
    kind_column: Text | None = None
    """column with each site's kind; default: site_kind for all sites"""
    tags: Tags | None = None
    """for layers with OSM tags as columns: keep rows with any of these values; default: keep all
    rows"""
    source: Source = ""
    licence: Licence = ""


class SitesParcels(Section):
    """Candidates from land parcels: one per parcel, at the parcel's point nearest to a road."""

    kind: Literal["parcels"]
    """land parcels: the polygons of a layer file"""
    path: PolygonFile
    """layer file with one polygon per parcel"""
    name_column: Text | None = None
    """column with the parcel's name; default: the column `name`, if there is one; otherwise,
    parcels have no names"""
    id_column: OwnIds = None
    site_kind: Text = "parcel"
    """kind of the parcels if no column names it"""
    kind_column: Text | None = None
    """column with each parcel's kind; default: site_kind for all parcels"""
    min_area_m2: float = Field(200, ge=0)
    """minimum area of a parcel, m2; smaller parcels are left out and listed; ASSUMPTION, about
    the area of six car bays with their aisle"""
    source: Source = ""
    licence: Licence = ""


class ExcludedArea(Section):
    """Areas where no station may be built."""

    path: PolygonFile
    """layer file with the polygons"""
    name_column: Text | None = None
    """column with the area's name; default: the column `name`, if there is one; otherwise the
    file's name"""
    source: Source = ""
    licence: Licence = ""


class SitesStreets(Section):
    """Candidates along the streets, for a city without better candidates."""

    kind: Literal["streets"]
    """road nodes spread evenly over the network"""
    spacing_m: float = Field(1000, ge=50, le=20_000)
    """distance between neighbouring candidates, m"""


SiteSource = Annotated[
    SitesOsmFile | SitesOsmDownload | SitesLayer | SitesParcels | SitesStreets,
    Field(discriminator="kind"),
]
