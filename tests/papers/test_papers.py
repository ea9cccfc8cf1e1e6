"""Papers opened again with python-docx: what is filled, what is marked, where figures come from."""

import builtins
import json
import re
import shutil

import pytest
from conftest import often
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import MissingExtraError
from siting.papers import KINDS, write_paper
from siting.papers.papers import PARTS
from siting.tables import COST_PARTS

docx = pytest.importorskip("docx", reason="the extra papers is not installed")
YELLOW = docx.enum.text.WD_COLOR_INDEX.YELLOW


@pytest.fixture(scope="module")
def run(stored_town, tmp_path_factory):
    folder = tmp_path_factory.mktemp("papers")
    shutil.copytree(stored_town() / "run", folder / "run")
    done = here("lots", folder / "run", "--lots", 2, "--out", folder / "lots", "-q")
    assert done.exit_code == 0, done.stderr
    return folder / "run"


def here(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)


def paper(run, kind, out):
    words = ["--lots", run.with_name("lots")] if kind == "tender" else []
    done = here("papers", run, "--kind", kind, "--out", out, *words)
    assert done.exit_code == 0, done.stderr
    assert str(out) in done.stdout
    return docx.Document(str(out))


def paragraphs(document):
    yield from document.paragraphs
    for table in document.tables:
        for row in table.rows:
            for cell in row.cells:
                yield from cell.paragraphs


def rows(document, first):
    """Return the rows of the table whose first head is this."""
    for table in document.tables:
        lines = [[cell.text for cell in row.cells] for row in table.rows]
        if lines[0][0] == first:
            return lines
    raise AssertionError(first)


def number(text):
    return float(text.replace(",", ""))


@pytest.mark.slow
@pytest.mark.parametrize("kind", often(list(KINDS), ["load"]))
def test_blanks_are_marked_and_nothing_else_is(run, kind, tmp_path):
    document = paper(run, kind, tmp_path / "paper.docx")
    marked = 0
    for paragraph in paragraphs(document):
        for part in paragraph.runs:
            blank = part.text.startswith("[to be filled in: ")
            assert (part.font.highlight_color == YELLOW) == blank
            marked += blank
            assert not re.search(r"\bnan\b|None|NaT", part.text), part.text
    assert marked > 0
    assert document.core_properties.author == "siting"


def test_the_pc1_has_its_headings_and_its_sums(run, tmp_path):
    document = paper(run, "pc1", tmp_path / "pc1.docx")
    heads = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert [h.split(".")[0] for h in heads[:15]] == [str(n) for n in range(1, 16)]
    assert heads[15] == "Annex A: the stations"
    assert len(document.inline_shapes) == 1  # the map
    stations = rows(document, "Station")
    total = stations[-1]
    for column in (3, 4, 5, 6):
        assert sum(number(r[column]) for r in stations[1:-1]) == pytest.approx(
            number(total[column])
        )
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert number(total[4]) == pytest.approx(facts["cost_pkr"])
    assert set(COST_PARTS) - {"grid_cost_pkr"} < set(PARTS)
    parts = rows(document, "Component")
    assert sum(number(r[1]) for r in parts[1:-1]) == number(parts[-1][1]) == number(total[4])
    yearly = rows(document, "Item")
    assert yearly[-1][0] == "total"
    running = sum(number(r[1]) for r in yearly[1:-1])
    assert running == pytest.approx(number(yearly[-1][1]), abs=len(yearly) / 2)
    money = {r[0]: number(r[1]) for r in rows(document, "Source")[1:]}
    assert money["public money for this project"] == facts["subsidy_pkr"]


@pytest.mark.slow
def test_need_is_told_at_the_hurdle_and_dates_agree(stored_town, tmp_path):
    """A station may need a subsidy at 70% of its sales although its NPV at 100% is above 0."""
    gap = "offers.subsidy={rule: gap, gap_cap_share: 1.0, hurdle: {sales_share: 0.7}}"
    run = stored_town(gap, "program.budget_pkr=10_000_000") / "run"
    document = docx.Document(str(write_paper(run, "pc1", tmp_path / "pc1.docx")))
    benefit = dict(rows(document, "Benefit"))["financial"]
    assert benefit.endswith("stations need a subsidy to break even at 70% of their planned sales")
    assert rows(document, "By 1 January")[1][0] == "2030"
    load = docx.Document(str(write_paper(run, "load", tmp_path / "load.docx")))
    assert dict(rows(load, "Question"))["needed by"] == "1 January 2030"
    done = here("lots", run, "--lots", 1, "--out", tmp_path / "lots", "-q")
    assert done.exit_code == 0, done.stderr
    write_paper(run, "tender", tmp_path / "tender.docx", lots=tmp_path / "lots")
    conditions = dict(rows(docx.Document(str(tmp_path / "tender.docx")), "Subject"))
    paid = siting.plan_from_run(run).outcome.subsidy_pkr
    assert f"PKR {paid:,.0f} in total" in conditions["basis of the ceilings"]


@pytest.mark.slow
def test_every_figure_of_a_station_is_the_one_that_trace_gives(run, tmp_path):
    document = paper(run, "pc1", tmp_path / "pc1.docx")
    for site, _, _, kw, cost, subsidy, kwh in rows(document, "Station")[1:-1]:
        traced = siting.trace(run, site)
        assert traced.same
        told = {chain.what: chain.value for chain in traced.chains}
        paid = next(value for what, value in told.items() if what.startswith("public money"))
        assert number(cost) == pytest.approx(told["what it costs"], abs=0.51)
        assert number(subsidy) == pytest.approx(paid, abs=0.51)
        assert number(kwh) == pytest.approx(told[f"what station {site} serves"], abs=0.051)
        assert number(kw) > 0
    text = "\n".join(p.text for p in document.paragraphs)
    assert f"siting trace {run.name} STATION" in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["load", "licence"])
def test_each_station_has_a_page_of_its_own(run, kind, tmp_path):
    document = paper(run, kind, tmp_path / "paper.docx")
    plan = siting.plan_from_run(run)
    heads = [p for p in document.paragraphs if p.style.name == "Heading 1"]
    assert [p.text.split(":")[0] for p in heads] == sorted(plan.new_sites["site_id"])
    assert all(p.paragraph_format.page_break_before for p in heads)
    assert len(document.tables) == len(heads)
    offers = plan.offers.set_index("offer_id")
    for head, table in zip(heads, document.tables, strict=True):
        told = {row.cells[0].text: row.cells[1].text for row in table.rows}
        station = plan.sites.set_index("site_id").loc[head.text.split(":")[0]]
        offer = offers.loc[station["offer_id"]]
        assert number(told["bays"]) == round(offer["bays_needed"])
        if kind == "load":
            assert number(told["chargers' rated power, kW"]) == round(offer["power_kw"], 1)
            assert number(told["load requested, kW"]) == pytest.approx(offer["load_kw"], abs=0.01)
            assert told["voltage"] == "400 V, low tension"
            assert told["nearest 11 kV point"].startswith("[to be filled in")
            assert told["spare power assumed in the plan, kW"].endswith("from the configuration")
        else:
            assert told["level"] == offer["neeca_level"]
            assert number(told["annual fee, PKR"]) == offer["annual_fee_pkr"]
        lat, lon = re.findall(r"[\d.]+", told["coordinates (WGS 84)"])
        assert (float(lat), float(lon)) == pytest.approx((33.6, 73.02), abs=0.03)


@pytest.mark.slow
def test_a_tender_takes_its_lots_from_their_folder(run, tmp_path):
    document = paper(run, "tender", tmp_path / "tender.docx")
    lots = json.loads((run.with_name("lots") / "lots.json").read_text(encoding="utf-8"))
    annex = rows(document, "Lot")
    assert len(annex) == 1 + lots["lots"]
    assert sorted(number(row[4]) for row in annex[1:]) == [4, 8]
    # What somebody wrote into the folder's table is not what the paper says.
    edited = tmp_path / "edited"
    shutil.copytree(run.with_name("lots"), edited)
    (edited / "lots.csv").write_text("lot\n", encoding="utf-8")
    words = ["--kind", "tender", "--lots", edited, "--out", tmp_path / "again.docx"]
    assert here("papers", run, *words).exit_code == 0
    assert rows(docx.Document(str(tmp_path / "again.docx")), "Lot") == annex


def fault(*words):
    done = here("papers", *words)
    assert done.exit_code == 2
    return " ".join(done.stderr.split())


def test_bad_wishes_are_one_plain_message_each(run, tmp_path):
    assert "no paper 'pc2'" in fault(run, "--kind", "pc2")
    assert "use one of pc1, load, licence, tender" in fault(run, "--kind", "pc2")
    mine = tmp_path / "mine.docx"
    mine.write_text("mine")
    assert "already exists" in fault(run, "--kind", "pc1", "--out", mine)
    assert mine.read_text() == "mine"
    assert "does not end in .docx" in fault(run, "--kind", "pc1", "--out", tmp_path / "a.pdf")
    assert "is missing for a tender" in fault(run, "--kind", "tender")
    assert "is only for a tender" in fault(run, "--kind", "pc1", "--lots", tmp_path)
    out = ["--out", tmp_path / "t.docx"]
    said = fault(run, "--kind", "tender", "--lots", tmp_path, *out)
    assert "is not a folder of lots" in said
    assert "is in" in fault(run, "--kind", "pc1", "--out", run / "pc1.docx")
    assert not (tmp_path / "t.docx").exists()


@pytest.mark.slow
def test_lots_of_another_run_and_a_run_without_stations_are_refused(run, tmp_path):
    lots = tmp_path / "lots"
    lots.mkdir()
    for path in run.with_name("lots").iterdir():
        text = path.read_text(encoding="utf-8")
        (lots / path.name).write_text(text.replace('run_written": "2', 'run_written": "1'))
    said = fault(run, "--kind", "tender", "--lots", lots, "--out", tmp_path / "t.docx")
    assert "has lots from a different run" in said
    siting.run(write_town(tmp_path / "town"), ["program.budget_pkr=0"], out=tmp_path / "nothing")
    assert "builds no new station" in fault(tmp_path / "nothing", "--kind", "load")


def test_without_python_docx_the_extra_is_named(run, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *more, **named):
        if name.split(".")[0] == "docx":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"siting\[papers\]"):
        write_paper(run, "load", tmp_path / "load.docx")
    assert not (tmp_path / "load.docx").exists()
