"""Answers to a run of the town solved by hand: what was sanctioned, refused, asked for."""

import pytest

import siting
from siting.errors import InputError
from siting.review import replan, verify_run


@pytest.fixture(scope="module")
def folder(stored_town):
    return stored_town("program.budget_pkr=1_000") / "run"


def answered(tmp_path, *lines):
    path = tmp_path / "answers.csv"
    path.write_text("site,answer,kw,pkr\n" + "".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.slow
def test_what_is_refused_is_followed_by_the_next_best(folder, tmp_path):
    before = siting.plan_from_run(folder)
    found = replan(before, answers=answered(tmp_path, "West pump,refused,,"))
    assert found.after.new_sites["name"].tolist() == ["East pump"]


@pytest.mark.slow
def test_too_little_power_is_as_good_as_none_and_enough_changes_nothing(folder, tmp_path):
    less = replan(folder, answers=answered(tmp_path, "West pump,sanctioned,0.1,"),
                  out=tmp_path / "less")  # fmt: skip
    assert less.after.new_sites["name"].tolist() == ["East pump"]
    same = replan(folder, answers=answered(tmp_path, "West pump,sanctioned,5,"),
                  out=tmp_path / "same")  # fmt: skip
    assert same.changes.empty


@pytest.mark.slow
def test_the_load_that_the_application_asks_for_is_enough(stored_town, tmp_path):
    """Sockets of 3.3 kW that only scooters use draw 0.5 kW each, and that is what is asked for."""
    keys = ("offers.chargers_csv=null", "offers.configurations.hub={lev_3: 8}",
            "program.budget_pkr=600_000")  # fmt: skip
    run = stored_town(*keys) / "run"
    plan = siting.plan_from_run(run)
    (site,) = plan.new_sites["name"]
    load = plan.offers.set_index("offer_id").loc[plan.new_sites["offer_id"].item(), "load_kw"]
    assert load < 8 * 3.3 / 2
    docx = pytest.importorskip("docx", reason="the extra papers is not installed")
    paper = docx.Document(str(siting.write_paper(run, "load", tmp_path / "load.docx")))
    told = {row.cells[0].text: row.cells[1].text for row in paper.tables[0].rows}
    asked = float(told["load requested, kW"])
    assert asked == pytest.approx(load, abs=0.01)
    same = replan(run, answers=answered(tmp_path, f"{site},sanctioned,{asked},"))
    assert same.changes.empty
    less = replan(run, answers=answered(tmp_path, f"{site},sanctioned,{asked - 1},"))
    assert site not in set(less.after.new_sites["name"])


@pytest.mark.slow
def test_what_is_asked_for_the_connection_is_part_of_the_cost(folder, tmp_path):
    found = replan(folder, answers=answered(tmp_path, "West pump,sanctioned,,750"),
                   out=tmp_path / "next")  # fmt: skip
    west = found.after.offers.set_index("site_id").loc["s0002"]
    before = found.before.offers.set_index("site_id").loc["s0002"]
    assert west["grid_cost_pkr"] == 750
    # With the design (0.08) and contingency (0.15) on grid works.
    whole = before["cost_pkr"] + 1.08 * 1.15 * (750 - before["grid_cost_pkr"])
    assert west["cost_pkr"] == pytest.approx(whole)
    assert found.after.new_sites["name"].tolist() == ["West pump"]
    assert verify_run(tmp_path / "next").faults == []


def test_every_fault_of_the_answers_is_told_by_its_line(folder, tmp_path):
    path = answered(
        tmp_path, "West pump,agreed,,", "North pump,refused,,", "East pump,refused,60,",
        "East pump,sanctioned,much,", ",withdrawn,,",
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        replan(folder, answers=path)
    said = str(caught.value)
    for text in (
        "is none of sanctioned, refused, withdrawn (line 2)",
        "line 3: 'North pump' is not a site",
        "column kw: is only allowed with the answer sanctioned (line 4)",
        "column kw: not a number of 0 or more (line 5)",
        "two answers for one place (line 5)",
        "must name a site or a bid, not both (line 6)",
    ):
        assert text in said, text
