"""What a planner reads of a run: one HTML file with map, money, stations and what it rests on."""

from siting.report.folder import RunFolder, read_run
from siting.report.leaflet import has_report, is_why_no_report, why_no_report
from siting.report.mapdata import standing
from siting.report.page import page_of, render, write_report

__all__ = [
    "RunFolder",
    "has_report",
    "is_why_no_report",
    "page_of",
    "read_run",
    "render",
    "standing",
    "why_no_report",
    "write_report",
]
