"""Every site has a name: its own, or where it is, from streets, places and parts of the city."""

import bz2

import geopandas as gpd
import pytest
import shapely

from siting.errors import InputError
from siting.roads import read_neighbourhoods
from siting.sites import with_whereabouts

CRS = 32643


def layer(points, **columns):
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(p) for p in points], crs=CRS)


ROADS = gpd.GeoDataFrame(
    {"name": ["Mall Road", "Canal Road", None]},
    geometry=[
        shapely.LineString([(0, 0), (2000, 0)]),
        shapely.LineString([(500, -500), (500, 500)]),
        shapely.LineString([(0, 10), (2000, 10)]),
    ],
    crs=CRS,
)
PARTS = layer([(500, 1000)], name=["Garhi Shahu"])


@pytest.mark.parametrize(
    ("at", "name", "kind", "called", "where"),
    [
        # A street without a name is no help, though it is the nearest.
        ((900, 10), None, "parking", "near Pump, Mall Road, Garhi Shahu", None),
        ((470, 15), None, "parking", "Mall Road at Canal Road, Garhi Shahu", None),
        ((510, 5), "Canal Road", "street", "Mall Road at Canal Road, Garhi Shahu", None),
        ((1500, 400), None, "parking", "near Mall Road, Garhi Shahu", None),
        ((1000, 20), "Shell", "fuel", "Shell", "Mall Road, Garhi Shahu"),
        ((0, 1100), " ", "parking", "near Canal Road, Garhi Shahu", None),
        ((500, 2200), None, "parking", "near Garhi Shahu", None),
    ],
)
def test_a_site_is_called_by_its_name_or_by_where_it_is(at, name, kind, called, where):
    sites = layer([at, (1100, 50)], name=[name, "Pump"], kind=[kind, "fuel"])
    told = with_whereabouts(sites, ROADS, PARTS).iloc[0]
    assert told["name"] == called
    assert told["whereabouts"] == (called if where is None else where)


def test_a_site_in_the_middle_of_nowhere_has_its_coordinates_for_a_name():
    sites = layer([(500_000, 3_700_000)], name=[None], kind=["parking"])
    told = with_whereabouts(sites, ROADS, PARTS)
    assert told["name"].to_list() == ["at 33.4394 N, 75.0000 E"]
    none = with_whereabouts(sites.iloc[:0], ROADS.iloc[:0], PARTS.iloc[:0])
    assert none.columns.to_list() == ["name", "whereabouts", "kind", "geometry"]


XML = """<osm version="0.6">
<node id="1" lat="33.5" lon="73.1"><tag k="place" v="suburb"/><tag k="name" v="صدر"/>
<tag k="name:en" v="Saddar"/></node>
<node id="2" lat="33.6" lon="73.2"><tag k="place" v="country"/><tag k="name" v="Pakistan"/></node>
<node id="3" lat="33.6" lon="73.2"><tag k="place" v="village"/></node>
<node id="4" lat="33.7" lon="73.3"/>
<way id="5"><nd ref="1"/><tag k="place" v="suburb"/><tag k="name" v="An area"/></way></osm>"""


def test_parts_of_the_city_are_read_from_the_file_of_the_roads(tmp_path):
    path = tmp_path / "city.osm.bz2"
    path.write_bytes(bz2.compress(XML.encode("utf-8")))
    found = read_neighbourhoods(path)
    assert found["name"].to_list() == ["Saddar"]
    assert found["kind"].to_list() == ["suburb"]
    assert (found.geometry.x.to_list(), found.geometry.y.to_list()) == ([73.1], [33.5])
    plain = tmp_path / "city.osm"
    plain.write_text("<osm></osm>", encoding="utf-8")
    assert read_neighbourhoods(plain).empty
    plain.write_text(XML[:200], encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as OSM XML"):
        read_neighbourhoods(plain)
