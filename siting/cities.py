"""The city library: known figures for each city, and starter configurations for towns."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from siting.errors import Fault, InputError, did_you_mean, refuse
from siting.reference import table

BIG_CITY_PEOPLE = 5_000_000
# The 2019 policy required one fast station in every 3 km x 3 km square of all major cities.
SITE_SPACING_M = 3000
# With roads from a file, most candidates are street corners, which must be closer together.
TOWN_SPACING_M = 500
# Assumed budget per person: about a billion rupees for Lahore. Cities publish no such budgets.
BUDGET_PKR_PERSON = 80
BUDGET_STEP_PKR = 10_000_000
# A town without a library city in its district borrows the figures of the city listed here: the
# nearest city with the same or a neighbouring power company (assumption).
_LENT = {
    "Faisalabad": ("Faisalabad", "Sargodha"),
    "Gujranwala": ("Gujranwala",),
    "Hyderabad": ("Hyderabad", "Larkana", "Mirpur Khas", "Shaheed Benazirabad", "Sukkur"),
    "Lahore": ("Lahore",),
    "Multan": ("Bahawalpur", "Dera Ghazi Khan", "Multan", "Sahiwal"),
    "Peshawar": ("Bannu", "Dera Ismail Khan", "Hazara", "Kohat", "Malakand", "Mardan", "Peshawar"),
    "Quetta": ("Kalat", "Loralai", "Mekran", "Nasirabad", "Quetta", "Rakhshan", "Sibi", "Zhob"),
    "Rawalpindi": ("Rawalpindi",),
}
LENDERS = {division: city for city, lent in _LENT.items() for division in lent}
# Words that YAML does not read as strings.
NO_TEXT = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")


def library() -> pd.DataFrame:
    """Return the cities in the library, one row each, with the inputs of a study.

    Columns: ``city``, ``province``, ``people_2023`` (of the city proper), ``zones`` (number of
    census tehsils in the city), ``zone_people``, ``disco`` (power supplier), ``availability`` with
    ``…_low`` and ``…_high`` (share of the time with power), ``speed_group`` (key of the speed
    table), ``west_deg``, ``south_deg``, ``east_deg``, ``north_deg`` (estimated box around the
    built-up area), ``place_query`` (if blank, the box is used), ``lon``, ``lat`` (centre),
    ``utm_epsg``, and the source and confidence of each figure.

    >>> cities = library().set_index("city")
    >>> len(cities), int(cities.loc["Karachi", "zones"]), int(cities.loc["Karachi", "zone_people"])
    (11, 31, 20382881)
    """
    cities = table("cities")
    zones = table("tehsils").groupby("city")["people_2023"].agg(["size", "sum"])
    rows = zones.reindex(cities["city"].to_list())
    cities[["zones", "zone_people"]] = rows[["size", "sum"]].to_numpy(dtype=int)
    cities["place_query"] = cities["place_query"].fillna("")
    first = ["city", "province", "people_2023", "zones", "zone_people", "disco", "availability"]
    hidden = ("share_of_fleet", "share_source", "share_confidence")  # for `siting.demand` only
    rest = [c for c in cities.columns if c not in first and c not in hidden]
    return cities[first + rest]


def tehsils(city: str | None = None, whole_district: bool = False) -> pd.DataFrame:
    """Return the zones of a city in the 2023 census: tehsils or, in Karachi, sub-divisions.

    `city` may also be a city that the library lacks (Sargodha, Sukkur …); None means all zones.
    `whole_district` adds the other tehsils of the city's districts. Columns: ``district``,
    ``division``, ``tehsil``, ``city`` (may be blank), ``area_km2``, ``people_2023``,
    ``urban_people``, ``household_size`` (people), ``growth_pct_year`` (2017 to 2023),
    ``households``, the shares of households (0 to 1) ``renting_share``, ``rooms4_share`` (four
    rooms or more) and ``grid_share`` (lit by grid electricity), ``high_rise_buildings``
    (residential), ``economic_structures``, ``source``, ``confidence``. A blank figure is unknown.
    Raises `InputError` if the table has no such city.

    >>> tehsils("lahore")["tehsil"].to_list()
    ['Lahore City', 'Model Town', 'Shalimar', 'Lahore Cantt', 'Raiwind']
    """
    zones = table("tehsils")
    zones["city"] = zones["city"].fillna("")
    if city is None:
        return zones
    name = _match(city, list(dict.fromkeys(zones["city"][zones["city"] != ""])))
    wanted = zones["city"] == name
    if whole_district:
        wanted = zones["district"].isin(zones["district"][wanted].to_list())
    return zones[wanted].reset_index(drop=True)


def census_zones(names: Sequence[str], city: str, where: str) -> pd.DataFrame:
    """Return the census figures of the named zones, in the order of `names`.

    The districts of `city` are searched first; case is ignored. Columns: ``people`` (2023),
    ``renting_share`` (0 to 1, blank if unknown), ``ownership`` (share of households with four
    rooms or more, as a proxy for vehicles). Raises an `InputError` at `where` that lists each name
    that is not in the census or is in several districts.

    >>> census_zones(["Model Town"], "lahore", "zones")["people"].to_list()
    [3244906.0]
    """
    near, every = tehsils(city, whole_district=True), tehsils()
    zone_rows, faults = [], []
    for name in names:
        wanted = name.strip().casefold()
        found = (zones[zones["tehsil"].str.casefold() == wanted] for zones in (near, every))
        rows = next((rows for rows in found if len(rows)), near[:0])
        zone_rows += [row for _, row in rows.iterrows()]
        if len(rows) != 1:
            what = "is in several districts" if len(rows) else "is not in the census table"
            faults.append(Fault(where, f"{name!r} {what}", did_you_mean(name, near["tehsil"])))
    refuse(faults)
    columns = {"people_2023": "people", "renting_share": "renting_share",
               "rooms4_share": "ownership"}  # fmt: skip
    zones = pd.DataFrame(zone_rows)[[*columns]].rename(columns=columns)
    return zones.astype(float).reset_index(drop=True)


def find_city(name: str) -> pd.Series[Any]:
    """Return the library's row for a city; case is ignored.

    Raises `InputError`, which suggests a similar name, if the city is not in the library.

    >>> find_city("quetta")["disco"]
    'QESCO'
    >>> find_city("Lahor")
    Traceback (most recent call last):
    siting.errors.InputError: city: the library has no Lahor; did you mean Lahore?
    """
    cities = library()
    return cities[cities["city"] == _match(name, cities["city"].to_list())].iloc[0]


def new_config(
    city: str, like: str | None = None, people: int | None = None, roads_file: str | None = None
) -> str:
    """Return a commented configuration (YAML) for a first study of a city.

    The census population is spread along streets. Candidates are fuel stations, car parks and malls
    from OpenStreetMap, and street corners. With a `roads_file`, nothing is downloaded: roads and
    candidates come from the file, and demand is proportional to population.

    A census town outside the library borrows the figures of a nearby library city, or of the
    library city `like`. A town outside the census needs both `like` and `people`. If given,
    `people` replaces the census total. Raises `InputError` if several towns have the name, or if
    `like` or `people` is needed but missing.

    >>> print(new_config("multan").splitlines()[0])
    # Multan: roads, destinations and fuel stations come from OpenStreetMap through OSMnx.
    """
    name, zones, lender, in_library = _town(city, like, people)
    row = find_city(lender)
    slug, title = slug_of(name), _scalar(name)
    districts = ", ".join(dict.fromkeys(zones["district"]))
    which, query, check = "all tehsils of", str(row["place_query"]), ""
    of, lent, like_line = "", "", ""
    if not in_library:
        which = f"tehsil {', '.join(zones['tehsil'])} of"
        tehsil = f"{name.removesuffix(' Tehsil')} Tehsil, {districts} District"
        query = f"{tehsil if districts else name}, Pakistan"
        check = "   # not tested: check it on openstreetmap.org, or use a bbox"
        of = f", tehsil of {districts}" if districts else ""
        like_line = f"\n  like: {lender.lower()}   # the city whose figures are used"
        lent = f"""\
# The package has no figures for {name} itself: power, speeds and vehicles per person are those of
# {lender} (assumption; rural areas have fewer vehicles per person).
"""
    # A place query covers the whole administrative unit; the box contains only the city proper.
    if query:
        total = int(zones["people_2023"].sum())
        basis = f"Census 2023, {which} {districts} (Pakistan Bureau of Statistics)"
        roads = f"""    kind: place
    query: {_scalar(query)}{check}"""
    else:
        total = int(row["people_2023"])
        basis = f"Census 2023, {name} municipality and cantonment (Pakistan Bureau of Statistics)"
        roads = f"""    kind: bbox              # approximate extent of the city: check it on a map
    west_deg: {row["west_deg"]}
    south_deg: {row["south_deg"]}
    east_deg: {row["east_deg"]}
    north_deg: {row["north_deg"]}"""
    if people is not None:
        total, basis = people, "entered with siting new; state where the figure comes from"
    begin = f"""\
# {{}}: roads, destinations and fuel stations come from OpenStreetMap through OSMnx.
# Once online:  siting fetch {slug}.yaml     (a big city takes several minutes)
# Then offline: siting run {slug}.yaml"""
    surfaces = """
  surfaces:
    places:
      kind: osm_download      # markets, offices, hospitals …: where vehicles park by day"""
    sites, spacing_m = "    - kind: osm_download", SITE_SPACING_M
    why = "one per 3 km x 3 km square, as in the 2019 policy"
    if roads_file is not None:
        at = json.dumps(roads_file, ensure_ascii=False)
        begin = f"# {{}}: only your road file is used, without downloads.\n# siting run {slug}.yaml"
        roads = f"    kind: file\n    path: {at}"
        surfaces = """
  # Demand is where people live. An OpenStreetMap file with shops and offices gives more detail:
  # surfaces: {places: {kind: osm_file, path: FILE}}"""
        sites, spacing_m = f"    - kind: osm_file\n      path: {at}", TOWN_SPACING_M
        why = "smaller values give more candidates"
        if roads_file.lower().endswith((".graphml", ".graphml.gz", ".parquet")):
            sites = ""  # streets only
    tags = """
      tags:
        amenity: [fuel, parking]
        shop: [mall]
"""
    size_m = 1000 if total > BIG_CITY_PEOPLE else 500
    budget_pkr = max(1, round(total * BUDGET_PKR_PERSON / BUDGET_STEP_PKR)) * BUDGET_STEP_PKR
    # ``city_people`` is written only if it differs from its default, the city's own population.
    whole = ""
    if not in_library or total != int(row["people_2023"]):
        whole = f"""
  city_people: {total:_}   # people of the whole city, for its share of the vehicle fleet"""
    return f"""\
{begin.format(name + of)}
#
{lent}# Supplied by {row["disco"]}; power is available {row["availability"]:.0%} of the time \
({row["availability_low"]:.0%} to {row["availability_high"]:.0%}; assumption).
# Census zones (2023; people, share of households that rent):
{_zone_lines(zones)}
name: {slug}
title: {title}
note: >-
  People are a census total spread along residential streets: replace demand.people with a
  population layer if you have one.
year: 2030

roads:
  source:
{roads}

demand:
  city: {name.lower() if in_library else title}{like_line}
  people:
    kind: streets
    total: {total:_}
    basis: {basis}{whole}
  cells:
    shape: square
    size_m: {size_m}{surfaces}

candidates:
  sources:
{sites + tags if sites else ""}    - kind: streets
      spacing_m: {spacing_m}       # {why}
  merge_within_m: 150

reach:
  cutoff_min: 10

program:
  model: capacitated
  budget_pkr: {budget_pkr:_}  # assumption: PKR {BUDGET_PKR_PERSON} per person

solver:
  gap: 0.01
  time_limit_s: 300
"""


def slug_of(name: str) -> str:
    """Return the short name of a town, for use in its study and configuration file.

    >>> slug_of("Golarchi (S.F. Rahu)"), slug_of("ٹوپی")
    ('golarchi-s-f-rahu', 'town')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "town"


def _scalar(text: str) -> str:
    """Return a string as a YAML scalar, quoted if necessary."""
    plain = re.fullmatch(r"[^\W\d_][\w ,.()/-]*", text) and text.lower() not in NO_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False)


def _town(wanted: str, like: str | None, people: int | None) -> tuple[str, pd.DataFrame, str, bool]:
    """Return a town's name and zones, its source of figures, and whether it is a library city."""
    if not (wanted.strip() and wanted.isprintable()):
        raise InputError("city", "is blank or contains unprintable characters")
    lender = None if like is None else str(find_city(like)["city"])
    cities = library()["city"].to_list()
    town, _, district = (part.strip().casefold() for part in wanted.partition(","))
    zones = tehsils()
    if district:
        zones = zones[zones["district"].str.casefold() == district]
    by_city = {city.casefold(): city for city in cities}
    if town in by_city and not district and lender in (None, by_city[town]):
        return by_city[town], tehsils(town), by_city[town], True
    # A name followed by a district means a tehsil, even if a city has the same name.
    rows = zones[(zones["city"].str.casefold() == town) & (district == "")]
    rows = rows if len(rows) else zones[zones["tehsil"].str.casefold() == town]
    if rows.empty and lender is not None and people is not None:
        return " ".join(wanted.split()), rows, lender, False
    if rows.empty:
        spare = [city for city in dict.fromkeys(zones["city"]) if city and city not in cities]
        similar = did_you_mean(wanted, [*cities, *spare, *zones["tehsil"]])
        fix = "to describe any other town, set like (a city) and people (a number)"
        fix = f"{similar}; {fix}" if similar.startswith("did") else fix
        raise InputError("city", f"neither the library nor the census has {wanted}", fix)
    districts = list(dict.fromkeys(rows["district"]))
    if len(rows["city"].unique()) > 1 or (len(districts) > 1 and not rows["city"].iloc[0]):
        what = f"the census has a tehsil {wanted} in several districts"
        raise InputError("city", what, f"write {wanted}, DISTRICT", tuple(districts))
    near = zones["city"][zones["district"].isin(districts) & zones["city"].isin(cities)]
    name = str(rows["city"].iloc[0] if len(rows) > 1 else rows["tehsil"].iloc[0])
    name = f"{name} Tehsil" if name in cities else name
    if lender is None:
        lender = str(near.iloc[0]) if len(near) else LENDERS[str(rows["division"].iloc[0])]
    return name, rows, lender, False


def _zone_lines(zones: pd.DataFrame) -> str:
    lines = [] if len(zones) else ["#   none: the census has no tehsil of this name"]
    for zone in zones.to_dict("records"):
        renting = zone["renting_share"]
        share = f"{renting:.0%}" if pd.notna(renting) else "not given"
        lines.append(f"#   {zone['tehsil']:<18} {zone['people_2023']:>10,}  {share}")
    return "\n".join(lines)


def _match(name: str, known: list[str]) -> str:
    """Return the known name that matches; raise an `InputError` with a suggestion otherwise."""
    meant = {one.casefold(): one for one in known}.get(name.strip().casefold())
    if meant is None:
        raise InputError("city", f"the library has no {name}", did_you_mean(name, known))
    return meant
