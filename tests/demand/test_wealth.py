"""Relative wealth by place: read by hand for cells, and what it moves while the total stays."""

import numpy as np
import pandas as pd
import pytest
from demand.test_spread import cells_of

from siting.demand import relative_wealth
from siting.errors import InputError


def points(path, cells, column, values, east_m=0.0):
    """Write a figure a cell as points in lon/lat, like Meta's index."""
    at = cells.geometry.translate(east_m).to_crs(4326)
    table = pd.DataFrame({"latitude": at.y, "longitude": at.x, column: values, "error": 0.4})
    table.to_csv(path, index=False)
    return path


def test_the_figure_nearest_a_cell_over_the_mean_of_its_people(tmp_path):
    cells = cells_of([30, 10, 0])
    path = points(tmp_path / "w.csv", cells, "cars", [1.0, 5.0, 40.0])
    # The mean of the people is (30 x 1 + 10 x 5) / 40 = 2.
    assert relative_wealth(cells, path, "cars").tolist() == pytest.approx([0.5, 2.5, 20.0])


def test_an_index_about_zero_is_taken_as_exp_of_it(tmp_path):
    cells = cells_of([1, 1])
    path = points(tmp_path / "rwi.csv", cells, "rwi", [np.log(3.0), 0.0])
    assert relative_wealth(cells, path, index=True).tolist() == pytest.approx([1.5, 0.5])


def test_a_raster_gives_what_points_give(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    cells = cells_of([30, 10])
    x, y = cells.geometry.iloc[0].x, cells.geometry.iloc[0].y
    path = tmp_path / "w.tif"
    corner = rasterio.transform.from_origin(x - 0.5, y + 0.5, 1, 1)
    with rasterio.open(
        path, "w", driver="GTiff", width=3, height=1, count=1, dtype="float32", crs=cells.crs,
        transform=corner, nodata=-9,
    ) as file:  # fmt: skip
        file.write(np.array([[1, 5, -9]], dtype="float32"), 1)
    assert relative_wealth(cells, path).tolist() == pytest.approx([0.5, 2.5])


def test_what_cannot_be_is_told_with_the_remedy(tmp_path):
    cells = cells_of([30, 10])
    below = points(tmp_path / "rwi.csv", cells, "rwi", [0.7, -0.31])
    with pytest.raises(InputError, match=r"1 of 2 figures are below zero.*-0\.31.*index: true"):
        relative_wealth(cells, below)
    odd = points(tmp_path / "odd.csv", cells, "rwi", [0.7, -9999.0])
    with pytest.raises(InputError, match=r"not an index around zero, e\.g\. -9999.*nodata"):
        relative_wealth(cells, odd, index=True)
    with pytest.raises(InputError, match=r"column wealth: missing; it has: .*rwi"):
        relative_wealth(cells, below, "wealth")
    elsewhere = points(tmp_path / "far.csv", cells, "rwi", [1.0, 1.0], east_m=60_000)
    with pytest.raises(InputError, match=r"no figure within 5 km of 2 of 2 cells.*study area"):
        relative_wealth(cells, elsewhere)
    none = points(tmp_path / "none.csv", cells, "rwi", [0.0, 0.0])
    with pytest.raises(InputError, match="all figures for populated cells are zero"):
        relative_wealth(cells, none)


def test_a_raster_elsewhere_is_told_with_both_extents(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "w.tif"
    corner = rasterio.transform.from_origin(60.0, 25.0, 0.1, 0.1)
    with rasterio.open(
        path, "w", driver="GTiff", width=2, height=2, count=1, dtype="float32", crs=4326,
        transform=corner,
    ) as file:  # fmt: skip
        file.write(np.ones((2, 2), dtype="float32"), 1)
    with pytest.raises(InputError, match="does not cover the area: it covers"):
        relative_wealth(cells_of([3, 1]), path)
