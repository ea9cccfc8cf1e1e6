"""The picture of a plan: not whether it is pretty, but whether it tells the truth."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export.test_layers import make_town

from siting.errors import InputError, MissingExtraError
from siting.export import demand_layer, plan_figure, save_figure
from siting.export.ground import find_ground, marker_pt2, nice, shade

image = pytest.importorskip("matplotlib.image", reason="needs the extra siting[map]")

SERVED, UNSERVED = np.array([42, 140, 130]), np.array([222, 110, 56])
NEW, EXISTING = np.array([30, 58, 138]), np.array([17, 24, 39])


def draw_plan(path: Path, **parts: Any) -> None:
    save_figure(plan_figure(**parts), path)


def draw(path: Path, served: float = 1.0, sites: slice = slice(None), **texts: str) -> np.ndarray:
    """Return the map's pixels, 0 to 255; every cell wants the same and gets `served` of it."""
    town = make_town()
    demand = town.demand.assign(served_kwh_day=town.demand["demand_kwh_day"] * served)
    layer = demand_layer(town.cells, demand).iloc[:2]
    layer["demand_kwh_day"] = layer.area * 1e-3
    texts = {"title": "Town", **texts}
    draw_plan(path, edges=town.edges, cells_layer=layer, sites=town.sites.iloc[sites], **texts)
    pixels = np.round(image.imread(path)[:, :, :3] * 255)
    return np.asarray(pixels[:, : int(pixels.shape[1] * 0.75)])


def share(pixels: np.ndarray, colour: np.ndarray) -> float:
    """Return the share of pixels of about that colour."""
    return float((np.abs(pixels - colour).max(axis=2) < 6).mean())


@pytest.mark.slow
def test_served_is_green_and_unserved_orange(tmp_path: Path) -> None:
    served, unserved = (draw(tmp_path / f"{share}.png", share) for share in (1.0, 0.0))
    assert share(served, SERVED) > 0.2
    assert share(served, UNSERVED) < 0.01
    assert share(unserved, UNSERVED) > 0.2
    assert share(unserved, SERVED) < 0.01


@pytest.mark.slow
def test_new_and_existing_stations_are_told_apart(tmp_path: Path) -> None:
    both, new, existing = (
        draw(tmp_path / f"{n}.png", sites=rows)
        for n, rows in enumerate((slice(None), slice(0, 1), slice(1, 2)))
    )
    assert share(both, NEW) > 1e-4
    assert share(both, EXISTING) > 1e-4
    assert share(new, NEW) > 1e-4
    assert share(existing, NEW) == 0
    assert share(new, EXISTING) < share(both, EXISTING)


@pytest.mark.slow
def test_the_same_plan_is_the_same_picture(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_any_text_can_be_drawn(tmp_path: Path) -> None:
    """Warnings are errors here: "$" is no mathematics, and Urdu needs letters the font lacks."""
    draw(tmp_path / "a.png", title="لاہور $5 $x_", subtitle="long " * 90, note="© OSM " * 90)


def test_nothing_built(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", served=0.0, sites=slice(0, 0))


def test_cells_that_are_points(tmp_path: Path) -> None:
    town = make_town()
    layer = demand_layer(town.cells.set_geometry(town.cells.centroid), town.demand)
    draw_plan(
        tmp_path / "a.png", edges=town.edges, cells_layer=layer, sites=town.sites, title="Points"
    )
    assert image.imread(tmp_path / "a.png").shape[2] >= 3


def test_half_served_is_neither_end() -> None:
    ends = shade(np.array([1.0, 1.0, 1.0, 9.0]), np.array([0.0, 0.5, 1.0, 2.0])) * 255
    assert ends[0] == pytest.approx(UNSERVED)
    assert ends[1] == pytest.approx([206, 172, 84])
    assert ends[2] == pytest.approx(SERVED)
    assert ends[3] == pytest.approx(SERVED)  # never beyond the scale


def test_more_wanted_is_never_lighter() -> None:
    amounts = np.linspace(0, 1, 21)
    for part in (0.0, 0.3, 0.5, 1.0):
        light = shade(amounts, np.full(21, part)).sum(axis=1)
        assert (np.diff(light) < 0).all()


def test_marker_areas_go_by_power() -> None:
    areas = marker_pt2(np.array([360.0, 180.0, 1.0, np.nan]), 360.0)
    assert areas[0] == 2 * areas[1]
    assert areas[2] == areas[3] > 0  # still to be seen


@pytest.mark.parametrize(
    ("value", "nearest", "below"),
    [(1000, 1000, 1000), (1900, 2000, 1000), (4.9, 5, 2), (0.3, 0.2, 0.2), (9.9, 10, 5)],
)
def test_round_numbers(value: float, nearest: float, below: float) -> None:
    assert nice(value) == pytest.approx(nearest)
    assert nice(value, below=True) == pytest.approx(below)


def test_the_ground_holds_every_cell_and_station_in_true_proportion() -> None:
    town = make_town()
    ground = find_ground(town.edges, town.cells, town.sites)
    west, south, east, north = town.cells.total_bounds
    assert ground.west < west
    assert ground.south < south
    assert ground.west + ground.width_m > east
    assert ground.south + ground.height_m > north
    assert ground.width_in / ground.width_m == pytest.approx(ground.height_in / ground.height_m)


def test_faults_are_named(tmp_path: Path) -> None:
    town = make_town()
    layer = demand_layer(town.cells, town.demand)
    none = {"cells_layer": layer.iloc[:0], "sites": town.sites.iloc[:0], "title": ""}
    with pytest.raises(InputError, match="edges: are not in metres"):
        draw_plan(tmp_path / "a.png", edges=town.edges.to_crs(4326), **none)
    with pytest.raises(InputError, match="no cells, stations or roads"):
        draw_plan(tmp_path / "a.png", edges=town.edges.iloc[:0], **none)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r'pip install "siting\[map\]"'):
        draw(tmp_path / "a.png")
