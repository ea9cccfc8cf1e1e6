"""The report in Urdu: the glossary, texts with numbers, and what of the page stays English."""

import csv
import hashlib
import html
import re

import pytest
from conftest import ROOT

from siting import study
from siting.errors import InputError
from siting.report.figure_text import is_urdu
from siting.report.page import render
from siting.report.urdu import glossary, in_urdu, page_in_urdu
from siting.study.report_page import record_of

HERE = ROOT / "siting" / "report"
# Of what the page's templates state these stay English.
ENGLISH = {
    *("OpenStreetMap", "Google Maps"),
    "Noto Naskh Arabic, © 2022 The Noto Project Authors (https://github.com/notofonts/arabic), SIL "
    "Open Font License 1.1 (https://openfontlicense.org); cut down to the letters of Urdu.",
}


def test_every_entry_has_the_numbers_and_texts_of_its_english():
    rows = list(csv.DictReader((HERE / "urdu.csv").read_text(encoding="utf-8").splitlines()))
    assert len({row["english"].casefold() for row in rows}) == len(rows)
    for row in rows:
        count = len(re.findall(r"[#*]", row["english"]))
        asked = {int(n) for n in re.findall(r"\{(\d)\}", row["urdu"])}
        assert asked == set(range(1, count + 1)), row["english"]
        assert row["urdu"].strip() == row["urdu"]


def test_the_font_is_the_one_that_its_licence_names_and_has_every_letter_of_the_glossary():
    data = (HERE / "urdu.woff2").read_bytes()
    assert hashlib.sha256(data).hexdigest() in (HERE / "urdu-font.txt").read_text(encoding="utf-8")
    script = (ROOT / "scripts" / "build_urdu_font.py").read_text(encoding="utf-8")
    used = {c for text in glossary().values() for c in text if "\u0600" <= c <= "\u06ff"}
    assert used <= set(script)


@pytest.mark.parametrize(
    ("english", "urdu"),
    [
        ("Cost", "لاگت"),
        (" PKR 59.90 m ", "59.90 ملین روپے"),
        ("PKR -1,200", "\u2068-1,200\u2069 روپے"),
        ("11 kV line", "\u206611 kV\u2069 لائن"),
        ("3 of 12", "12 میں سے 3"),
        ("Weak: only 12 % of its capacity is used", "کمزور: صرف 12\u00a0% استعمال"),
        ("No demand is served for: car.", "ان کو کچھ نہیں ملتا: کار۔"),
    ],
)
def test_a_text_is_told_with_its_numbers_in_their_places(english, urdu):
    assert in_urdu(english) == urdu


def test_names_scripts_and_what_has_no_entry_stay_as_they_are():
    page = '<p>Cost</p><p>A new remark</p><bdi>Cost</bdi><script>"Cost"</script><a alt="Cost">3</a>'
    assert page_in_urdu(page) == (
        '<p>لاگت</p><p>A new remark</p><bdi>Cost</bdi><script>"Cost"</script><a alt="لاگت">3</a>'
    )
    assert page_in_urdu("<p>&lt;b&gt; Cost</p>") == "<p>&lt;b&gt; Cost</p>"


def test_what_the_templates_state_is_all_in_the_glossary():
    stated = set()
    for path in sorted(HERE.glob("pa[gr]*.html")):
        if path.name == "part_licence.html":  # a licence is not to be translated
            continue
        page = re.sub(r"(?s)\{[%#].*?[%#]\}", "\x01", path.read_text(encoding="utf-8"))
        page = re.sub(r"(?s)<(script|style)\b.*?</\1>|\{\{.*?\}\}", "\x00", page)
        texts = re.split("\x01", re.sub(r"<[^>]*>", "\x01", page))
        texts = [" ".join(html.unescape(text).split()) for text in texts]
        # What is beside an expression is a part of a text; beside a quote, of a tag.
        stated |= {t for t in texts if not re.search('[\x00"]', t) and re.search("[A-Za-z]{2}", t)}
        stated |= set(re.findall(r'aria-label="([^"\x00\x01]+)"', page))
    assert "Skip the map" in stated
    assert {text for text in stated if in_urdu(text) is None} == ENGLISH


def test_the_sentences_and_table_heads_of_a_run_are_in_urdu(report_run):
    page = page_in_urdu(render(record_of(report_run)))
    heads = re.findall(r"(?s)<(h2|h3|th|dt|caption|dd)\b[^>]*>(.*?)</\1>", page)
    lead = re.search(r'(?s)<ul class="lead">.*?</ul>', page)
    assert lead is not None
    assert not re.search(r"[A-Za-z]{4}", re.sub(r"(?s)<bdi.*?</bdi>|<[^>]*>|kWh/day", " ", lead[0]))
    h2 = [text for tag, text in heads if tag == "h2"]
    assert len(h2) > 5
    assert all(is_urdu(text) for text in h2)


@pytest.mark.slow
def test_the_page_goes_from_right_to_left_says_who_checked_it_and_holds_its_font(
    report_run, tmp_path
):
    path = study.write_report(report_run, tmp_path / "ur.html", None, "ur")
    page = path.read_text(encoding="utf-8")
    assert page.startswith('<!doctype html>\n<html lang="ur" dir="rtl">')
    assert "یہ ترجمہ صرف مشین سے جانچا گیا ہے" in page
    assert "font-src data:" in page
    assert "url(data:font/woff2;base64," in page
    plain = study.write_report(report_run, tmp_path / "en.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in plain
    assert "font/woff2" in plain  # a pump has an Urdu name: it is read on any system
    run = record_of(report_run)
    run.sites["name"] = "Pump"
    run.demand["name"] = run.places["name"] = run.roads["name"] = "Road"
    assert "font/woff2" not in render(run)
    with pytest.raises(InputError, match="'fr' is not one of en, ur"):
        study.write_report(report_run, tmp_path / "fr.html", None, "fr")
