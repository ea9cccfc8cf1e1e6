"""The report of a run: one HTML file with the map, costs, stations and assumptions."""

from siting.report.curve import read_frontier
from siting.report.leaflet import is_why_no_report, why_no_report
from siting.report.mapdata import standing
from siting.report.page import render
from siting.report.run_record import RunFacts, RunRecord

__all__ = [
    "RunFacts", "RunRecord", "is_why_no_report", "read_frontier", "render", "standing",
    "why_no_report",
]  # fmt: skip
