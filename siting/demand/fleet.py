"""How many electric vehicles Pakistan has in a year, by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.reference import CONFIDENCE, table

FIGURES = ("vehicles", "low", "high")


def national_fleet(year: int, path: Path | None = None) -> pd.DataFrame:
    """Return the electric vehicles of the whole country in a year, by class (vehicles).

    Between two years of the table each figure grows at a constant rate:
    ``v(t) = v0 * (v1 / v0) ** ((t - t0) / (t1 - t0))``, and along a straight line where one of the
    two is 0. Beyond the table nothing is guessed.

    Parameters
    ----------
    year
        The target year.
    path
        A user's own table in place of the package's (2025 and 2030): a CSV with the columns year,
        vehicle_class, vehicles, low, high, source, confidence.

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``vehicles``, ``low``, ``high``, ``source``, ``confidence``.

    Raises
    ------
    InputError
        If the year lies outside the table, a class lacks a year, a figure is negative or out of
        order, or a row is given twice.

    Examples
    --------
    >>> national_fleet(2030).set_index("vehicle_class")["vehicles"].astype(int).to_dict()
    {'two_wheeler': 1950000, 'three_wheeler': 80000, 'car': 150000, 'van_bus': 10000}
    """
    stock = table("fleet", path)
    where = str(path) if path else "fleet table"
    _require_sound(stock, where)
    years = np.sort(stock["year"].unique())
    if not years[0] <= year <= years[-1]:
        raise InputError(
            Fault(
                f"{where}, column year",
                f"covers {years[0]:.0f} to {years[-1]:.0f}, not {year}",
                "give a fleet table of your own that covers the year",
            )
        )
    before = years[years <= year][-1]
    after = years[years >= year][0]
    first = stock[stock["year"] == before].set_index("vehicle_class")
    last = stock[stock["year"] == after].set_index("vehicle_class").reindex(first.index)
    share = 0.0 if after == before else float((year - before) / (after - before))
    fleet = pd.DataFrame({"vehicle_class": first.index.astype(str)})
    for figure in FIGURES:
        start = first[figure].to_numpy(dtype=float)
        end = last[figure].to_numpy(dtype=float)
        grows = (start > 0) & (end > 0)
        rate = np.divide(end, start, out=np.ones_like(start), where=grows)
        fleet[figure] = np.where(grows, start * rate**share, start + (end - start) * share)
    if share:
        fleet["source"] = [
            f"constant growth from {before:.0f} ({a}) to {after:.0f} ({b})"
            for a, b in zip(first["source"], last["source"], strict=True)
        ]
    else:
        fleet["source"] = first["source"].to_list()
    fleet["confidence"] = [
        "ASSUMPTION" if share else mark for mark in first["confidence"]
    ]  # a year between two known ones is nobody's figure
    return fleet


def weakest(marks: list[str]) -> str:
    """Return the least certain of several confidence marks.

    Examples
    --------
    >>> weakest(["H", "L", "M"])
    'L'
    """
    return max(marks, key=CONFIDENCE.index)


def _require_sound(stock: pd.DataFrame, where: str) -> None:
    label = stock["vehicle_class"].astype(str) + " " + stock["year"].astype(str)
    values = stock[list(FIGURES)].to_numpy(dtype=float)
    faults = [
        Fault(f"{where}, column {column}", what, fix, tuple(dict.fromkeys(label[mask])))
        for column, what, fix, mask in (
            (
                "vehicles, low, high",
                "negative or missing",
                "",
                ~(np.isfinite(values) & (values >= 0)).all(axis=1),
            ),
            (
                "vehicles, low, high",
                "not low <= vehicles <= high",
                "",
                (values[:, 1] > values[:, 0]) | (values[:, 0] > values[:, 2]),
            ),
            (
                "year, vehicle_class",
                "given twice",
                "",
                stock.duplicated(["year", "vehicle_class"], keep=False).to_numpy(),
            ),
            ("vehicle_class", "missing", "", stock["vehicle_class"].isna().to_numpy()),
        )
        if mask.any()
    ]
    counts = stock.groupby("vehicle_class")["year"].nunique()
    partial = counts[counts < stock["year"].nunique()]
    if len(partial):
        faults.append(
            Fault(
                f"{where}, column year",
                "some classes lack a year",
                "give every class the same years",
                tuple(partial.index.astype(str)),
            )
        )
    if faults:
        raise InputError(faults)
