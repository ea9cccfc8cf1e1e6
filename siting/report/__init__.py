"""What a planner reads of a run: one HTML file with map, money, stations and what it rests on."""

from siting.report.leaflet import has_report
from siting.report.page import write_report

__all__ = ["has_report", "write_report"]
