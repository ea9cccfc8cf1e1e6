"""Several stored runs on one HTML page: figures, settings, and a map of differences."""

from __future__ import annotations

from typing import Any

from siting import __version__
from siting.report.content import in_words
from siting.report.figure_text import missing
from siting.report.leaflet import embedded_leaflet
from siting.report.mapdata import at_of, road_lines
from siting.report.page import asset, content_policy, environment
from siting.report.shapes import SCALE
from siting.texts import json_in_page

# Labels of some figures. The labels of all other figures are derived from their names.
_NAMES = {
    "budget_pkr": "Budget, PKR m", "subsidy_pkr": "Subsidy, PKR m",
    "cost_pkr": "Total cost, PKR m", "wanted_kwh_day": "Demand, kWh/day",
    "served_kwh_day": "Energy served, kWh/day", "served_share": "  share of demand",
    "new_power_kw": "New power, kW", "mean_travel_min": "Mean drive, min", "gap": "Proven gap",
    "bound_kwh_day": "Upper bound on energy served, kWh/day",
}  # fmt: skip
# Labels of figures on public money at risk in a fleet scenario, by the start of their names.
_AT_RISK = {
    "below_npv_0_": "New stations with a negative NPV, scenario",
    "at_risk_": "Public money for these stations, PKR m, scenario",
    "loss_a_year_": "Yearly loss, PKR m, scenario",
}
# Formats of figures, by the suffix of their names; money is in millions.
_FORMS = {"_pkr": ",.2f", "_share": ".1%", "gap": ".2%", "_min": ".1f", "_kwh_day": ",.0f",
          "_kw": ",.0f", "_stations": ",.0f"}  # fmt: skip


def figure_name(figure: str) -> str:
    """Return a figure's label for readers.

    >>> figure_name("served_two_wheeler_share"), figure_name("new_stations")
    ('  two wheeler', 'New stations')
    >>> figure_name("at_risk_slow_pkr")
    'Public money for these stations, PKR m, scenario slow'
    """
    if figure in _NAMES:
        return _NAMES[figure]
    for start, label in _AT_RISK.items():
        if figure.startswith(start):
            return f"{label} {figure.removeprefix(start).rsplit('_', 1)[0]}"
    if figure.startswith("served_"):
        return "  " + figure.removeprefix("served_").removesuffix("_share").replace("_", " ")
    return figure.replace("_", " ").capitalize()


def figure_text(figure: str, value: Any) -> str:
    """Return a figure's value as text; blank if it is missing.

    >>> figure_text("cost_pkr", 2_500_000), figure_text("served_share", 0.5)
    ('2.50', '50.0%')
    """
    if missing(value):
        return ""
    for ending, form in _FORMS.items():
        if figure.endswith(ending):
            return format(float(value) / (1e6 if ending == "_pkr" else 1), form)
    return str(value)


def setting_text(value: Any) -> str:
    """Return a setting as text; a dash if the run does not have the setting."""
    if missing(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def figures_in_words(comparison: Any) -> list[tuple[str, list[str]]]:
    """Return each figure of a `siting.review.compare.Comparison`: a label, and a text by run."""
    return [
        (figure_name(row["figure"]), [figure_text(row["figure"], row[n]) for n in comparison.runs])
        for row in comparison.figures.to_dict("records")
    ]


def settings_in_words(comparison: Any) -> list[tuple[str, list[str]]]:
    """Return each setting in which runs differ: its key, and a text for each run."""
    return [
        (str(row["key"]), [setting_text(row[run]) for run in comparison.runs])
        for row in comparison.settings.to_dict("records")
    ]


def render_differences(comparison: Any) -> str:
    """Return a `siting.review.compare.Comparison` as the HTML of a page that works offline.

    Raises `MissingExtraError` if the packages of the extra ``report`` are not installed.
    """
    leaflet, script, runs = embedded_leaflet(), asset("differences.js"), comparison.runs
    sites = [_site(row, len(runs)) for row in comparison.sites.to_dict("records")]
    data = {
        "scale": SCALE,
        "roads": road_lines(comparison.roads)[0],
        "runs": runs,
        "credits": comparison.credits,
        "sites": sites,
    }
    words = {"all": "the same in all plans", "changed": "different chargers"}
    page = environment().get_template("differences.html")
    return page.render(
        title=comparison.titles[0],
        notes=comparison.notes,
        runs=runs,
        figures=figures_in_words(comparison),
        settings=settings_in_words(comparison),
        counts=[(f"{n:,}", words.get(what, what)) for what, n in comparison.counts.items()],
        stations=[site for site in sites if site["status"] != "all"],
        policy=content_policy(leaflet.script, script),
        leaflet=leaflet,
        page_style=asset("page.css"),
        page_script=script,
        data=json_in_page(data),
        version=__version__,
    )


def _site(row: dict[str, Any], runs: int) -> dict[str, Any]:
    chargers = [row[f"chargers_{n}"] for n in range(1, runs + 1)]
    served = [row[f"served_{n}_kwh_day"] for n in range(1, runs + 1)]
    return {
        "id": str(row["site_id"]),
        "name": row["name"] if isinstance(row["name"], str) else "",
        "old": bool(row["existing"]),
        "status": row["status"],
        "in": row["in_runs"],
        "at": at_of(row["geometry"]),
        "chargers": ["" if missing(text) else in_words(str(text)) for text in chargers],
        "kwh": [None if missing(kwh) else round(kwh, 1) for kwh in served],
    }
