"""What a person sees of a study and its parts, in a notebook and in a terminal."""

import inspect
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from town import write_town

import siting
from siting.shown import Column, Shown, block_of
from siting.study import Event, Study
from siting.terminal import progress
from siting.terminal.progress import StageLines


class Text(HTMLParser):
    """The rows of text of a piece of HTML, and whether its tags close."""

    def __init__(self, html):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("tr", "h4", "p"):
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.rows[-1].append(data)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    town = write_town(tmp_path_factory.mktemp("town"))
    return Study(town, ["title=A <b>town</b>", "note=Not [surveyed] & small"])


def test_a_study_shows_its_stages_as_they_come(study):
    fresh = Study(study.config)
    rows = Text(fresh._repr_html_()).rows
    assert rows[0] == ["A <b>town</b>"]  # text of the user's, and no tag
    assert rows[1] == ["Not [surveyed] & small"]
    names = [row[0] for row in rows[3:]]
    assert names == [
        "roads",
        "people",
        "places",
        "cells",
        "surfaces",
        "demand",
        "candidates",
        "offers",
        "reach",
        "solve",
        "certificate",
        "plan",
        "cards",
        "day",
        "isochrones",
        "what if",
        "demand range",
    ]
    assert all(row[1:] == ["not computed yet"] for row in rows[3:])
    assert repr(fresh) == "Study 'town' (A <b>town</b>); computed: nothing yet"
    assert len(fresh.offers) == 2
    rows = {row[0]: row[1:] for row in Text(fresh._repr_html_()).rows[3:]}
    assert rows["offers"] == ["2 offers, 0 ruled out", f"{fresh.seconds['offers']:,.1f}"]
    assert rows["solve"] == ["not computed yet"]


def test_a_plan_shows_its_headline_and_who_is_served(study):
    rows = Text(study.plan._repr_html_()).rows
    assert rows[0] == ["A <b>town</b>"]
    assert ["Vehicle class", "Demand, kWh/day", "Served, kWh/day", "Share"] in rows
    assert ["two wheeler", "12", "12", "100.0%"] in rows
    text = [" ".join(line.split()) for line in repr(study.plan).splitlines()]
    assert "Energy served 12 of 12 kWh/day (100.0%)" in text
    assert "s0002 West pump hub 0.00 8 80%" in text


def answers(study):
    plan = study.plan
    site = str(plan.sites["site_id"].iloc[0])
    replanned = plan.replan(drop=[site])
    return {
        "a site explained": plan.explain(site, alternatives=0),
        "a plan explained": plan.explain(),
        "simulated": plan.simulate(),
        "evaluated": plan.evaluate(plan.sites.to_crs(4326)),
        "replanned": replanned,
        "compared": plan.compare(replanned.after),
    }


def answers_of_files(folder):
    town = write_town(folder)
    plan = siting.run(town, out=folder / "run")
    some = siting.list_studies([town], sweep={"program.budget_pkr": [0, 1e6]})
    return {
        "checked": siting.check(town),
        "repeated": siting.rerun(folder / "run"),
        "traced": siting.trace(folder / "run", "c00001"),
        "a batch": siting.run_batch(some, out=folder / "batch", workers=1),
        "lots": siting.part_into_lots(plan, 1),
    }


@pytest.mark.slow
def test_answers_are_short_tables_in_a_notebook_and_as_text(study, tmp_path):
    for what, answer in (answers(study) | answers_of_files(tmp_path)).items():
        text, page = repr(answer), answer._repr_html_()
        assert "DataFrame" not in text, what
        assert len(text) < 3_000, what
        assert 3 <= text.count("\n") + 1 <= 45, what
        assert len(page) < 12_000, what
        rows = Text(page).rows
        assert any(len(row) > 1 for row in rows) or what == "checked", what
        # Nothing of the user's is a tag.
        assert "<b>town" not in page, what


def test_an_answer_shows_sixteen_rows_and_says_where_the_rest_is():
    frame = pd.DataFrame({"site": [f"s{n:04d}" for n in range(30)], "kwh": np.arange(30) * 1234.5})
    columns = [Column("site", "site"), Column("kWh/day", "kwh", ",.0f")]
    block = block_of(frame, columns, "stations")

    class Answer(Shown):
        def _shown(self):
            return siting.shown.Display("All <stations>", "", [block])

    assert repr(Answer()).splitlines()[:4] == [
        "All <stations>",
        "",
        "site   kWh/day",
        "s0000        0",
    ]
    assert repr(Answer()).splitlines()[-1] == "… and 14 more (all rows: .stations)"
    assert "s0015" in Answer()._repr_html_()
    assert "s0016" not in Answer()._repr_html_()


def test_the_figures_of_a_plan_are_attributes_and_its_questions_have_typed_keys(study):
    plan = study.plan
    assert plan.served_kwh_day == pytest.approx(12)
    assert plan.cost_pkr == pytest.approx(plan.sites["cost_pkr"].sum())
    assert plan.subsidy_pkr == pytest.approx(plan.sites["subsidy_pkr"].sum())
    assert (plan.budget_pkr, plan.gap) == (5_000, 0)
    assert plan.study.budget_pkr == 5_000
    figures = plan.summary()
    assert figures["served_kwh_day"] == pytest.approx(12)
    assert (figures["stations"], figures["subsidy_pkr"]) == (2, plan.subsidy_pkr)
    assert not [name for name in dir(plan) if name.startswith("with_")]
    for name in ("explain", "replan", "evaluate", "simulate", "frontier", "compare", "what_if"):
        keys = inspect.signature(getattr(type(plan), name)).parameters.values()
        assert not [one for one in keys if one.kind is one.VAR_KEYWORD], name
    asked = inspect.signature(type(plan).replan).parameters
    there = inspect.signature(siting.replan).parameters
    assert all(there[name].default == asked[name].default for name in asked if name != "self")


def test_a_class_that_wants_nothing_has_no_share(study):
    from dataclasses import replace

    none = study.plan.classes.assign(demand_kwh_day=0.0, served_kwh_day=0.0, served_share=None)
    shown = Text(replace(study.plan, classes=none.astype({"served_share": float}))._repr_html_())
    assert ["two wheeler", "0", "0", "–"] in shown.rows


def test_the_parts_of_a_study_say_what_they_are(study):
    assert repr(study.network).startswith("<Network: ")
    assert repr(study.instance).startswith("Instance: 2 demand rows (12 kWh/day), 2 offers")
    assert repr(study.outcome).startswith("Outcome (capacitated): optimal")
    assert repr(study.plan.outcome.proof).startswith(
        "Proof: optimal: 12 kWh/day, bound 12, gap 0.00%"
    )


def test_progress_in_a_terminal_is_one_line_a_stage(study, capsys):
    report = siting.show_progress()
    report(Event("roads", "12 nodes", 0.25, True))
    report(Event("solve", "half way", 1.0, False))  # shown on a terminal alone
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "roads       12 nodes  0.2 s\n"


class Shell:
    """What is used of a notebook's kernel."""

    execution_count = 1


class Display:
    """What a notebook shows: HTML and text of each display, as last updated."""

    def __init__(self):
        self.shown = []

    def __call__(self, what, raw, display_id):
        assert raw is display_id is True
        at = len(self.shown)
        self.shown.append(what)

        class Handle:
            def update(_, what, raw):  # noqa: N805
                assert raw is True
                self.shown[at] = what

        return Handle()


def test_a_study_in_a_notebook_shows_its_progress_by_itself(monkeypatch, study):
    pytest.importorskip("IPython")
    import IPython

    assert siting.Study(study.config).progress is None
    kernel = type("ZMQInteractiveShell", (), {"execution_count": 7})()
    monkeypatch.setattr(IPython, "get_ipython", lambda: kernel)
    heard = []
    monkeypatch.setattr(progress, "show_progress", lambda: heard.append)
    shown = siting.Study(study.config)
    assert shown.network is not None
    assert [event.stage for event in heard if event.done] == ["roads"]
    quiet = siting.Study(study.config, progress=lambda event: None)
    assert quiet.progress is not heard.append


def test_progress_in_a_notebook_is_one_table_a_cell(monkeypatch):
    pytest.importorskip("IPython")
    display, shell = Display(), Shell()
    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(progress, "notebook", lambda: shell)
    report = siting.show_progress()
    report(Event("roads", "12 nodes", 0.25, True))
    report(Event("solve", "bound <none>", 1.0, False))
    (table,) = display.shown
    assert table["text/plain"] == "progress of a study"
    assert Text(table["text/html"]).rows[1:] == [
        ["roads", "12 nodes", "0.2"],
        ["solve", "bound <none>", "1.0"],
    ]
    report(Event("solve", "optimal", 2.0, True))
    assert Text(display.shown[0]["text/html"]).rows[2:] == [["solve", "optimal", "2.0"]]
    shell.execution_count = 2
    report(Event("plan", "2 stations", 0.1, True))
    assert len(display.shown) == 2
    assert Text(display.shown[1]["text/html"]).rows[1:] == [["plan", "2 stations", "0.1"]]


def test_only_the_kernel_of_a_notebook_counts_as_one(monkeypatch):
    pytest.importorskip("IPython")
    import IPython

    assert isinstance(siting.show_progress(), StageLines)  # IPython is here, but no notebook
    kernel = type("ZMQInteractiveShell", (), {"execution_count": 7})()
    monkeypatch.setattr(IPython, "get_ipython", lambda: kernel)
    assert not isinstance(siting.show_progress(), StageLines)
    monkeypatch.delitem(sys.modules, "IPython")
    assert isinstance(siting.show_progress(), StageLines)


def test_stage_lines_break_between_words_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = "112 sites, 5 of them existing; 10 places outside the area, 0 places too far from a road"
    StageLines()(Event("candidates", text, 1.25, True))
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert " ".join(lines).split() == f"candidates {text} 1.2 s".split()
    monkeypatch.delenv("FORCE_COLOR")
    StageLines()(Event("candidates", text, 1.25, True))
    assert len(capsys.readouterr().err.splitlines()) == 1
