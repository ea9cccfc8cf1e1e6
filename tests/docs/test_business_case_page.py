"""The page of the business case says what its script computes, and what is observed."""

import runpy

from conftest import ROOT

MADE = runpy.run_path(str(ROOT / "scripts" / "observed_stations.py"))


def test_the_page_has_the_figures_of_the_script():
    page = (ROOT / "docs" / "business-case.md").read_text(encoding="utf-8")
    assert "\n".join(MADE["lines"]()) in page
    for kwh in (138, 74):
        assert f"{MADE['socket_hub_price'](kwh):.0f}" in page


def test_investors_face_negative_returns_as_the_ministry_said():
    case = MADE["observed"]().set_index(["tariff", "sales"])
    assert (case.loc["until April 2025", "npv_m"] < 0).all()
    # At the sales of 2024 it never pays, under either tariff: at the best it covers its running.
    assert (case.xs("Pakistan 2024", level="sales")["npv_m"] < 0).all()
    assert (case.xs("Pakistan 2024", level="sales")["net_m"] < 0.05).all()
    assert case.loc[("as now", "15 % of the day"), "npv_m"] > 0
