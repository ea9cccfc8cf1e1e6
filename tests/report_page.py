"""A report as a browser would read it, and stored runs to make one of, small and great."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import yaml
from reseal import reseal
from town import write_town

from siting import export, study
from siting.report import RunRecord
from siting.study.report_page import record_of

WILD = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
URDU = "صدر پمپ، کراچی"
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = {
            "tag": tag,
            "attrs": dict(attrs),
            "text": "",
            "in": [e["tag"] for e in self.open],
        }
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop()["tag"] == tag
        if tag in ("td", "th"):
            self.handle_data(" ")

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attrs):
        return [
            e
            for e in self.elements
            if e["tag"] == tag and all(e["attrs"].get(k.rstrip("_")) == v for k, v in attrs.items())
        ]

    def figure(self, name):
        """Return the exact number of a headline figure."""
        tile = self.elements.index(next(e for e in self.all("dt") if e["text"] == name))
        data = next(e for e in self.elements[tile:] if e["tag"] == "data")
        return json.loads(data["attrs"]["value"])

    @property
    def data(self):
        return json.loads(self.all("script", id="run-data")[0]["text"])


FLEET = "year,vehicle_class,vehicles,low,high,source,confidence\n"
YEARS = {2028: 6, 2029: 9, 2030: 12}


def make_run(folder, **changes):
    """Write the town and its run; with years in its program its fleet grows to that of 2030."""
    config = write_town(folder)
    rows = [f"{y},two_wheeler,{n},{n},{n},by hand,ASSUMPTION\n" for y, n in YEARS.items()]
    (folder / "fleet.csv").write_text(FLEET + "".join(rows), encoding="utf-8")
    sites = folder / "sites.csv"
    text = sites.read_text(encoding="utf-8")
    text = text.replace("West pump", f'"{WILD}"').replace("East pump", URDU)
    sites.write_text(text, encoding="utf-8")
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) | changes
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    study.run(config, out=folder / "run")
    (folder / "run" / "report.html").unlink()  # the tests make it themselves
    return folder / "run"


def page_of(folder, frontier=None):
    """Return the report of a run folder, written anew."""
    return Page(study.write_report(folder, None, frontier).read_text(encoding="utf-8"))


def edit_json(path, change):
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    reseal(path.parent)


CLASSES = [f"class_{i}" for i in range(7)]


def great_run(small):
    """Return a made-up run of 10,000 nodes, 20,000 edges, 5,000 cells and 150 stations; no solving.

    What it does not say itself is taken from a small run.
    """
    rng = np.random.default_rng(1)
    roads, nodes = _great_roads(rng)
    cells = _great_cells(rng)
    count, stations = len(cells), 150
    ids = np.array([f"s{i:04}" for i in range(1, stations + 1)])
    at = rng.choice(len(nodes), stations, replace=False)
    site_points = gpd.GeoSeries(shapely.points(nodes[at]), crs=cells.crs)
    wanted = rng.gamma(1.0, 5.0, (count, len(CLASSES))).round(2)
    share = rng.choice([0.0, 0.5, 1.0], (count, len(CLASSES)))
    demand = pd.DataFrame(
        {
            "demand_id": [f"d{i:06}" for i in range(wanted.size)],
            "cell_id": np.repeat(cells["cell_id"].to_numpy(), len(CLASSES)),
            "vehicle_class": np.tile(CLASSES, count),
            "demand_kwh_day": wanted.ravel(),
            "served_kwh_day": (wanted * share).round(3).ravel(),
        }
    )
    middle = shapely.get_coordinates(cells.centroid)
    far = np.hypot(*(middle[:, None, :] - nodes[at][None, :, :]).transpose(2, 0, 1))
    got = demand[demand["served_kwh_day"] > 0]
    nearest = far.argmin(axis=1)[got.index.to_numpy() // len(CLASSES)]
    service = got.drop(columns="demand_kwh_day").assign(site_id=ids[nearest], travel_min=3.0)
    sites = _great_sites(ids, site_points, service)
    offer = pd.read_csv(small / "offers.csv", encoding="utf-8-sig").iloc[[0]]
    offers = offer.loc[offer.index.repeat(stations)].reset_index(drop=True)
    offers = offers.assign(site_id=ids, offer_id=[f"{i}:hub" for i in ids])
    places = gpd.GeoDataFrame(
        {"site_id": ids, "name": sites["name"], "kind": "fuel", "existing": False},
        geometry=site_points,
    )
    plan = SimpleNamespace(
        sites=sites,
        cells=cells,
        demand=demand,
        service=service,
        candidates=places,
        dropped=places.iloc[:0],
        offers=offers,
        edges=roads,
        tables={},
    )
    layers = export.layers_of(plan)
    classes = demand.groupby("vehicle_class")[["demand_kwh_day", "served_kwh_day"]].sum()
    served = float(classes["served_kwh_day"].sum())

    record = record_of(small)
    facts = record.facts | {
        "classes": [
            {
                "vehicle_class": name,
                "demand_kwh_day": row["demand_kwh_day"],
                "served_kwh_day": row["served_kwh_day"],
                "served_share": row["served_kwh_day"] / row["demand_kwh_day"],
            }
            for name, row in classes.iterrows()
        ],
        "objective_kwh_day": served,
        "bound_kwh_day": served,
        "gap": 0.0,
        "served_share": served / float(classes["demand_kwh_day"].sum()),
        "new_stations": stations,
        "subsidy_pkr": float(sites["subsidy_pkr"].sum()),
        "cost_pkr": float(sites["cost_pkr"].sum()),
        "alternatives": dict.fromkeys(ids, "Without it nothing would go unserved."),
    }
    return RunRecord.of(facts, record.settings, layers)


def _great_roads(rng):
    """Return 20,000 edges between 10,000 nodes on a bent grid, and the nodes, in metres."""
    xs, ys = np.meshgrid(np.arange(100) * 300.0, np.arange(100) * 300.0)
    nodes = np.column_stack([xs.ravel(), ys.ravel()]) + rng.normal(0, 40, (10_000, 2))
    nodes += (310_000, 3_710_000)
    number = np.arange(10_000).reshape(100, 100)
    pairs = np.concatenate(
        [
            np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
            np.column_stack([number[:-1].ravel(), number[1:].ravel()]),
        ]
    )
    back = pairs[:200, ::-1]
    pairs = np.concatenate([pairs, back])
    assert len(pairs) == 20_000
    steps = np.linspace(0, 1, 7)[None, :, None]
    ends = nodes[pairs]
    lines = ends[:, :1] * (1 - steps) + ends[:, 1:] * steps
    lines[:, 1:-1] += rng.normal(0, 15, lines[:, 1:-1].shape)
    kinds = rng.choice(["primary", "secondary", "residential"], len(pairs), p=[0.05, 0.15, 0.8])
    frame = {"u": pairs[:, 0], "v": pairs[:, 1], "key": 0, "name": "a street", "highway": kinds}
    frame |= {"length_m": 300.0, "speed_kmh": 30.0, "speed_source": "class", "travel_min": 0.6}
    return gpd.GeoDataFrame(frame, geometry=shapely.linestrings(lines), crs=32643), nodes


def _great_cells(rng):
    xs, ys = np.meshgrid(np.arange(100), np.arange(50))
    x, y = 310_000 + xs.ravel() * 300.0, 3_710_000 + ys.ravel() * 600.0
    return gpd.GeoDataFrame(
        {
            "cell_id": [f"c{i:05}" for i in range(len(x))],
            "people": rng.integers(0, 900, len(x)).astype(float),
            "node_id": 1,
            "snap_m": 5.0,
        },
        geometry=shapely.box(x, y, x + 300, y + 600),
        crs=32643,
    )


def _great_sites(ids, points, service):
    sites = gpd.GeoDataFrame(
        {
            "site_id": ids,
            "name": [f"Station {i}" for i in ids],
            "kind": "fuel",
            "existing": False,
            "offer_id": [f"{i}:hub" for i in ids],
            "configuration": "hub",
            "chargers": "2 x dc_120 + 8 x lev_3",
            "power_kw": np.linspace(40, 400, len(ids)),
            "cost_pkr": 1e6,
            "subsidy_pkr": 20.0,
            "capacity_kwh_day": 2000.0,
        },
        geometry=points,
    )
    total = service.groupby("site_id")["served_kwh_day"].sum()
    sites["served_kwh_day"] = sites["site_id"].map(total).fillna(0.0)
    for name in CLASSES:
        part = service[service["vehicle_class"] == name].groupby("site_id")["served_kwh_day"].sum()
        sites[f"served_{name}_kwh_day"] = sites["site_id"].map(part).fillna(0.0)
    sites["use_share"] = sites["served_kwh_day"] / 2000
    sites["mean_travel_min"] = 3.0
    sites["cells_served"] = 10
    return sites[[*(c for c in sites.columns if c != "geometry"), "geometry"]]
