"""Pictures of a plan for papers: they say what the tables say, and are the same each time."""

import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from export.test_layers import make_town
from plan_pictures import NASTALIQ, URDU, make_plan

import siting
from siting.errors import InputError, MissingExtraError
from siting.export import charts, fonts
from siting.export.charts import classes_figure, cost_figure, cost_parts, use_figure, years_figure

pytest.importorskip("matplotlib", reason="needs the extra siting[map]")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> siting.Plan:
    return make_plan(tmp_path_factory.mktemp("town") / "town")


def words(figure: object) -> str:
    """Return every text of a figure."""
    from matplotlib.text import Text

    return " | ".join(t.get_text() for t in figure.findobj(Text) if t.get_text())  # type: ignore[attr-defined]


def bars(figure: object) -> list[tuple[float, float]]:
    """Return length and start of each bar."""
    chart = figure.axes[0]  # type: ignore[attr-defined]
    return [(b.get_width(), b.get_x()) for c in chart.containers for b in c]


CLASSES = pd.DataFrame(
    {
        "vehicle_class": ["two_wheeler", "car", "bus"],
        "demand_kwh_day": [100.0, 400.0, 0.0],
        "served_kwh_day": [100.0, 100.0, 0.0],
    }
)


def test_classes_by_hand() -> None:
    figure = classes_figure(CLASSES, title="Town", note="made up")
    assert sorted(bars(figure)) == sorted(
        [(0.0, 0.0), (100.0, 0.0), (100.0, 0.0), (0.0, 0.0), (0.0, 100.0), (300.0, 100.0)]
    )
    text = words(figure)
    for expected in ("100 % of 100", "25 % of 400", "two wheeler", "kWh/day", "made up", "Town"):
        assert expected in text


def test_classes_of_nothing() -> None:
    assert "Town" in words(classes_figure(CLASSES.iloc[:0], title="Town"))


def test_cost_by_part_adds_up_to_the_cost() -> None:
    town = make_town()
    new = town.sites[~town.sites["existing"]]
    parts = cost_parts(new, town.offers)
    assert parts == {"Chargers": 7e6, "Grid works": 2.4e6, "Fees": 1e5}
    assert sum(parts.values()) == new["cost_pkr"].sum()
    more = new.assign(cost_pkr=new["cost_pkr"] + 5e5)
    assert cost_parts(more, town.offers)["Other"] == pytest.approx(5e5)
    split = town.offers.assign(
        connection_cost_pkr=2e6, line_cost_pkr=4e5, upgrade_cost_pkr=0.0, civil_cost_pkr=0.0
    )
    assert cost_parts(new, split) == {
        "Chargers": 7e6,
        "Grid connection": 2e6,
        "11 kV line": 4e5,
        "Fees": 1e5,
    }


def test_cost_says_who_pays() -> None:
    town = make_town()
    figure = cost_figure(town.sites, town.offers, title="Town")
    text = words(figure)
    assert "2.5 (26 %)" in text  # of 9.5 million, 2.5 are public
    assert "7.0 (74 %)" in text  # chargers, and what operators pay
    nothing = cost_figure(town.sites.iloc[1:], town.offers, title="Town")
    assert "0.0 (0 %)" in words(nothing)


def test_use_by_hand() -> None:
    sites = make_town().sites.assign(capacity_kwh_day=[600.0, 100.0], served_kwh_day=[30.0, 100.0])
    figure = use_figure(sites, title="Town")
    heights = sorted(b.get_height() for c in figure.axes[0].containers for b in c)
    assert heights == [30.0, 100.0, 570.0]
    assert "2 stations, the largest first; 19 % of their capacity is used" in words(figure)
    assert "s0001" in words(figure)
    many = pd.concat([sites.assign(site_id=f"s{i}") for i in range(30)], ignore_index=True)
    assert "s7" not in words(use_figure(many, title="Town"))  # ids would not be legible


def test_years_by_hand() -> None:
    years = pd.DataFrame(
        {
            "year": [2028, 2030],
            "demand_kwh_day": [10.0, 40.0],
            "served_kwh_day": [5.0, 40.0],
            "spent_pkr": [1e6, 2.5e6],
        }
    )
    text = words(years_figure(years, title="Town"))
    for expected in ("50 %", "100 %", "2028\nPKR 1.0 m", "2030\nPKR 2.5 m"):
        assert expected in text


@pytest.mark.slow
def test_the_plan_draws_itself(plan: siting.Plan) -> None:
    for what in ("map", "classes", "cost", "use"):
        figure = plan.plot(what)
        assert plan.title in words(figure)
        assert "nobody" in words(figure)  # whose roads they are
        assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook shows
    with pytest.raises(InputError, match="has no picture 'pie'; use one of map, classes"):
        plan.plot("pie")
    with pytest.raises(InputError, match="needs the table years, which the plan lacks"):
        plan.plot("years")


@pytest.mark.slow
def test_the_budget_curve_and_years_where_there_are_tables(plan: siting.Plan) -> None:
    curve = pd.DataFrame(
        {
            "budget_pkr": [0.0, 1e6, 2e6],
            "served_share": [0.0, 0.5, 0.6],
            "served_kwh_day": [0.0, 50.0, 60.0],
            "bound_kwh_day": [0.0, 51.0, 70.0],
            "knee": [False, True, False],
            "worst_class_share": [0.0, 0.1, 0.2],
        }
    )
    figure = replace(plan, tables={**plan.tables, "frontier": curve}).plot("frontier")
    assert "knee: PKR 1 m" in words(figure)


@pytest.mark.slow
def test_saved_twice_is_the_same_bytes_and_text_stays_text(
    plan: siting.Plan, tmp_path: Path
) -> None:
    one = plan.save_pictures(tmp_path / "a", formats=("png", "svg", "pdf"))
    other = plan.save_pictures(tmp_path / "b", formats=("png", "svg", "pdf"))
    assert [p.name for p in one] == [
        f"{what}.{ending}"
        for what in ("map", "classes", "cost", "use")
        for ending in ("png", "svg", "pdf")
    ]
    for a, b in zip(one, other, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name
        data = a.read_bytes()
        assert b"Matplotlib v" not in data
        assert b"CreationDate" not in data
        if a.suffix == ".svg":
            text = data.decode("utf-8")
            assert "<dc:date>" not in text
            root = ElementTree.fromstring(text)
            found = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
            assert any(plan.title in t for t in found), a.name


def test_formats_that_are_not_known_are_named(plan: siting.Plan, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"formats: not known \(bmp, gif\); use png, svg, pdf"):
        plan.save_pictures(tmp_path / "a", formats=("png", "bmp", "gif"))
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_without_the_extra_one_clear_error(
    plan: siting.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (plan.plot, lambda: plan.plot("use"), lambda: plan.save_pictures(tmp_path / "a")):
        with pytest.raises(MissingExtraError, match=r'pip install "siting\[map\]"') as caught:
            draw()
        assert len(caught.value.faults) == 1


def test_served_and_not_served_differ_in_grey() -> None:
    def grey(hex_: str) -> float:
        red, green, blue = (int(hex_[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert abs(grey(charts.SERVED) - grey(charts.LACKING)) > 100
    from siting.export.styles import NOTHING, SERVED, UNSERVED, WANTED

    for ramp in ((NOTHING, *UNSERVED), WANTED, SERVED):
        shades = [grey(hex_) for hex_ in ramp]
        assert all(a - b > 12 for a, b in pairwise(shades))


# ------------------------------------------------------------------------------------ Urdu


def test_urdu_that_can_be_drawn_is_drawn() -> None:
    from matplotlib import ft2font

    if not hasattr(ft2font, "__libraqm_version__"):
        pytest.skip("this Matplotlib does not join Urdu letters")
    text, *_, font = fonts.legible(f"F-7 {URDU}", "", "")
    assert text == f"F-7 {URDU}"
    assert font["fontfamily"]


def test_urdu_joins_its_letters() -> None:
    """A word is narrower joined than letter by letter: that is how shaping is seen."""
    if fonts.legible(URDU, "", "")[0] != URDU:
        pytest.skip("this Matplotlib does not join Urdu letters")
    from siting.export.figure import new_figure

    figure = new_figure(8, 2)
    joined, loose = (
        figure.text(0, 0, t, size=40, **fonts.legible(URDU, "", "")[3])
        for t in ("بلیو", "\u200c".join("بلیو"))
    )
    renderer = figure.canvas.get_renderer()
    assert joined.get_window_extent(renderer).width < loose.get_window_extent(renderer).width


def test_urdu_that_cannot_be_drawn_is_left_out_and_the_note_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "_font_with", lambda found: None)
    found = fonts.legible(f"Hospital ({NASTALIQ}), Karachi", NASTALIQ, "")
    assert found == ("Hospital, Karachi", "", fonts.LEFT_OUT, {})
    figure = classes_figure(CLASSES, title=f"Karachi {NASTALIQ}", note="made up")
    text = words(figure)
    assert fonts.LEFT_OUT in text.replace("\n", " ")
    assert not re.search("[\u0600-\u06ff]", text)


def test_plain_text_is_left_alone() -> None:
    for text in ("Town", "© OSM, 5 % (a) – b", "  spaced  ", ""):
        assert fonts.legible(text, "", "note") == (text, "", "note", {})


@pytest.mark.slow
def test_no_letter_comes_out_as_a_box(plan: siting.Plan, tmp_path: Path) -> None:
    """Warnings are errors here, and Matplotlib warns of letters it has not."""
    named = replace(plan, title=f"Town $5 {NASTALIQ}", note=f"{URDU} {NASTALIQ}")
    named.save_pictures(tmp_path, formats="png")


def test_a_figure_of_nothing_built(plan: siting.Plan) -> None:
    bare = replace(plan, sites=plan.sites.iloc[:0])
    assert "0 stations" in words(bare.plot("use"))
    assert "0.0 (0 %)" in words(bare.plot("cost"))
    assert np.isfinite(bare.plot("map").get_size_inches()).all()
