"""Rasters into cells: tiny GeoTIFFs counted by hand, every bad one refused with a reason."""

import logging
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from demand.test_cells import X0, Y0, grid_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.demand import make_cells, raster_to_cells, read_people, read_raster
from siting.errors import InputError, MissingExtraError
from siting.tables import CELLS, validate

rasterio = pytest.importorskip("rasterio", reason="rasterio (extra raster) is not installed")
from rasterio.transform import Affine, from_origin  # noqa: E402

UTM = "EPSG:32643"
AREA = shapely.box(60.0, 23.0, 78.0, 38.0)


def write(path, values, transform, crs=UTM, nodata=None, **more):
    values = np.asarray(values, dtype=more.pop("dtype", "float32"))
    bands = values if values.ndim == 3 else values[None]
    description = more.pop("description", None)
    profile = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2]}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, crs=crs, transform=transform, nodata=nodata,
        **profile, **more,
    ) as file:  # fmt: skip
        file.write(bands)
        if description:
            file.set_band_description(1, description)
    return path


def pixels(size_m, top_m, left_m=0.0):
    return from_origin(X0 + left_m, Y0 + top_m, size_m, size_m)


def test_small_pixels_count_in_the_cell_of_their_centre(tmp_path):
    # 10 x 10 pixels of 100 m over four squares of 500 m.
    values = np.arange(100.0).reshape(10, 10)
    path = write(tmp_path / "p.tif", values, pixels(100, 1000))
    cells = raster_to_cells(path, grid_network())
    validate(cells, CELLS)
    north, south = values[:5], values[5:]
    assert cells["people"].to_list() == pytest.approx(
        [south[:, :5].sum(), south[:, 5:].sum(), north[:, :5].sum(), north[:, 5:].sum()]
    )
    assert cells.geometry.iloc[0].bounds == (X0, Y0, X0 + 500, Y0 + 500)
    assert cells["cell_id"].to_list() == ["c00001", "c00002", "c00003", "c00004"]


def test_a_big_pixel_is_shared_by_the_cells_it_covers(tmp_path):
    # 1 km wide, 250 m east of the grid: a quarter, a half, a quarter.
    path = write(tmp_path / "p.tif", [[80.0]], pixels(1000, 1000, left_m=250))
    cells = raster_to_cells(path, grid_network())
    assert cells["people"].to_list() == pytest.approx([10, 20, 10, 10, 20, 10])


def test_the_same_cells_as_from_squares_of_the_same_pixels(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.integers(0, 50, (12, 12)).astype(float)
    path = write(tmp_path / "p.tif", values, from_origin(73.05, 33.62, 0.0025, 0.0025), "EPSG:4326")
    network = grid_network()
    straight = raster_to_cells(path, network, area=AREA, max_snap_m=9000)
    around = make_cells(read_raster(path), network, max_snap_m=9000)
    assert straight["people"].sum() == pytest.approx(values.sum(), rel=1e-12)
    assert around["people"].sum() == pytest.approx(values.sum(), rel=1e-9)
    joined = straight.assign(key=straight.geometry.to_wkb()).merge(
        around.assign(key=around.geometry.to_wkb()), on="key", how="outer"
    )
    off = (joined["people_x"].fillna(0) - joined["people_y"].fillna(0)).abs()
    assert off.sum() / values.sum() < 0.03  # parts of pixels against exact shares of area


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([37.0, 100.0, 333.0, 1100.0]),
    st.sampled_from([250.0, 500.0]),
    st.floats(0, 500),
    st.integers(0, 99),
)
def test_every_person_of_the_area_is_in_a_cell(tmp_path, pixel_m, size_m, left_m, seed):
    values = np.random.default_rng(seed).gamma(0.3, 100, (8, 11))
    path = write(
        tmp_path / "p.tif", values, pixels(pixel_m, 900, left_m), dtype="float64", nodata=-1
    )
    cells = raster_to_cells(path, grid_network(), size_m, area=AREA)
    assert cells["people"].sum() == pytest.approx(values.sum(), rel=1e-9)


def test_no_data_is_nobody(tmp_path):
    values = [[-99999.0, 4.0], [np.nan, 6.0]]
    path = write(tmp_path / "p.tif", values, pixels(500, 1000), nodata=-99999.0)
    assert raster_to_cells(path, grid_network())["people"].to_list() == [6.0, 4.0]
    assert read_raster(path)["people"].to_list() == [4.0, 6.0]


def test_negative_values_are_told_with_their_place_and_can_be_called_no_data(tmp_path):
    path = write(tmp_path / "p.tif", [[-200.0, 4.0], [3.0, -200.0]], pixels(500, 1000))
    with pytest.raises(InputError) as caught:
        raster_to_cells(path, grid_network())
    fault = caught.value.faults[0]
    assert fault.ids == ("row 1 column 1", "row 2 column 2")
    assert "2 of 4 pixels are negative" in fault.what
    assert "nodata=-200" in fault.fix
    assert raster_to_cells(path, grid_network(), nodata=-200)["people"].sum() == 7.0


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "ESRI:54009", "EPSG:32642"])
def test_any_coordinate_reference_system_will_do(tmp_path, crs):
    places = gpd.GeoSeries([shapely.Point(X0 + 260, Y0 + 260)], crs=32643).to_crs(crs).iloc[0]
    step = 1e-3 if crs == "EPSG:4326" else 100.0
    at = from_origin(places.x - 1.5 * step, places.y + 1.5 * step, step, step)
    values = np.zeros((3, 3))
    values[1, 1] = 9.0
    cells = raster_to_cells(write(tmp_path / "p.tif", values, at, crs), grid_network())
    assert cells["people"].to_list() == pytest.approx([9.0])
    assert cells.geometry.iloc[0].bounds[:2] == (X0, Y0)


def test_a_raster_elsewhere_is_told_with_both_extents(tmp_path):
    at = from_origin(67.0, 24.9, 0.001, 0.001)
    path = write(tmp_path / "p.tif", np.ones((20, 20)), at, "EPSG:4326")
    with pytest.raises(InputError) as caught:
        raster_to_cells(path, grid_network(), area=shapely.box(73.0, 33.5, 73.1, 33.7))
    text = str(caught.value)
    assert "67.000-67.020 E, 24.880-24.900 N" in text
    assert "73.000-73.100 E, 33.500-33.700 N" in text
    with pytest.raises(InputError, match="km from a road"):
        raster_to_cells(path, grid_network(), area=AREA)


def test_only_the_window_is_read_and_counted(tmp_path):
    # Pixels of 1 km from 100 km west to 100 km east.
    path = write(tmp_path / "p.tif", np.ones((200, 200)), pixels(1000, 100_000, -100_000))
    assert read_raster(path)["people"].sum() == 40_000
    box = gpd.GeoSeries([shapely.box(X0, Y0, X0 + 3000, Y0 + 2000)], crs=32643).to_crs(4326)
    assert read_raster(path, box.iloc[0])["people"].sum() == 6
    inside = raster_to_cells(path, grid_network(), area=box.iloc[0])
    assert inside["people"].sum() == pytest.approx(6.0, rel=1e-3)


def test_density_is_multiplied_by_the_area_of_each_pixel(tmp_path, caplog):
    flat = write(tmp_path / "flat.tif", [[8.0]], pixels(500, 500), description="people per km2")
    assert read_raster(flat, density=True)["people"].to_list() == pytest.approx([2.0])
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert read_raster(flat)["people"].to_list() == [8.0]
    assert "density=True" in caplog.text
    step = 1 / 120
    round_earth = write(
        tmp_path / "deg.tif", [[100.0]], from_origin(73, 33.5, step, step), "EPSG:4326"
    )
    drawn = gpd.GeoSeries([shapely.box(73, 33.5 - step, 73 + step, 33.5)], crs=4326)
    area_km2 = drawn.to_crs(6933).area.item() / 1e6  # an equal-area projection
    found = read_raster(round_earth, density=True)["people"].item()
    assert found == pytest.approx(100 * area_km2, rel=2e-3)


def test_places_get_cells_beside_the_raster(tmp_path):
    path = write(tmp_path / "p.tif", [[4.0]], pixels(100, 200))
    places = gpd.GeoDataFrame(geometry=[shapely.Point(X0 + 1600, Y0 + 1)], crs=32643).to_crs(4326)
    cells = raster_to_cells(path, grid_network(), also=places)
    assert cells["people"].to_list() == [4.0, 0.0]


def bad_file(tmp_path, name):
    path = tmp_path / f"{name}.tif"
    ones, at = np.ones((2, 2)), pixels(500, 1000)
    if name == "text":
        path.write_text("lon,lat")
    elif name == "no_crs":
        write(path, ones, at, crs=None)
    elif name == "bands":
        write(path, np.ones((2, 2, 2)), at)
    elif name == "turned":
        write(path, ones, Affine(490.0, 80.0, X0, 80.0, -490.0, Y0 + 1000))
    elif name == "all_nodata":
        write(path, ones * -9, at, nodata=-9)
    elif name == "zeros":
        write(path, ones * 0, at)
    elif name == "infinite":
        write(path, ones * np.inf, at)
    return path


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("missing", "no such file"),
        ("text", "cannot be read"),
        ("no_crs", "no coordinate reference system"),
        ("bands", "2 bands"),
        ("turned", "north up"),
        ("all_nodata", "every pixel is empty"),
        ("zeros", "every pixel is 0"),
        ("infinite", "not finite"),
    ],
)
def test_bad_rasters(tmp_path, name, word):
    path = bad_file(tmp_path, name)
    for call in (lambda: read_raster(path), lambda: raster_to_cells(path, grid_network())):
        with pytest.raises(InputError, match=word):
            call()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_picture_is_no_raster_of_people(tmp_path):
    path = write(tmp_path / "p.tif", np.ones((2, 2)), Affine.identity(), crs=None)
    with pytest.raises(InputError) as caught:
        read_raster(path)
    assert len(caught.value.faults) == 2
    assert "where its pixels are" in str(caught.value)


def test_too_small_cells_ask_for_larger_ones(tmp_path):
    path = write(tmp_path / "p.tif", [[4.0]], pixels(100, 200))
    with pytest.raises(InputError, match="raise size_m"):
        raster_to_cells(path, grid_network(), size_m=1e-3)


def test_too_many_pixels_ask_for_an_area(tmp_path, monkeypatch):
    monkeypatch.setattr("siting.demand.rasters.MOST_PIXELS", 3)
    path = write(tmp_path / "p.tif", np.ones((2, 2)), pixels(500, 1000))
    with pytest.raises(InputError, match="smaller area"):
        read_raster(path)


def test_rasterio_is_asked_for_by_name_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(MissingExtraError, match=r"siting\[raster\]"):
        read_raster(tmp_path / "p.tif")


@pytest.mark.slow
def test_worldpop_as_a_raster_and_as_points_agree(shared_data, tmp_path):
    source = shared_data / "data/islamabad/islamabad_ict_population_1km_worldpop2020.csv"
    frame, step = pd.read_csv(source), 1 / 120
    west, north = frame["longitude"].min() - step / 2, frame["latitude"].max() + step / 2
    column = np.floor((frame["longitude"] - west) / step).astype(int)
    row = np.floor((north - frame["latitude"]) / step).astype(int)
    values = np.full((row.max() + 1, column.max() + 1), -99999.0)
    values[row, column] = frame["population"]
    assert (values >= 0).sum() == len(frame)
    path = write(
        tmp_path / "ict.tif", values, from_origin(west, north, step, step), "EPSG:4326",
        nodata=-99999.0, dtype="float64",
    )  # fmt: skip
    network = grid_network(size=40, step_m=200, x0=316_000.0, y0=3_727_000.0)
    cells = raster_to_cells(path, network, area=AREA)
    assert cells["people"].sum() == pytest.approx(2_033_099, abs=1)
    table = make_cells(read_people(source, "population", raster_deg=step), network)
    assert table["people"].sum() == pytest.approx(cells["people"].sum(), rel=1e-9)
    both = cells.assign(key=cells.geometry.to_wkb()).merge(
        table.assign(key=table.geometry.to_wkb()), on="key"
    )
    assert both["people_x"].corr(both["people_y"]) > 0.999
