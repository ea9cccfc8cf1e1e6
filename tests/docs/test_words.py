"""The glossary names each idea once, and the pages written by hand keep to its words."""

import re

import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^(\S[^\n]*)\n((?:  [^\n]+\n)+)", GLOSSARY, re.MULTILINE)
AVOIDED = {
    word: term
    for term, text in ENTRIES
    for words in re.findall(r"\*Not: ([^*]+)\.\*", text.replace("\n  ", " "))
    for word in words.split(", ")
}
# Pages that scripts and benchmarks write have their words from the code.
BY_HAND = [
    ROOT / "README.md",
    *(
        page
        for page in sorted(DOCS.rglob("*.md"))
        if not re.search(r"^(<!-- Made by|Written by `python)", page.read_text("utf-8"), re.M)
        and page.relative_to(DOCS).as_posix() not in ("glossary.md", "cli.md", "tables.md")
    ),
]


def test_each_term_has_two_sentences_at_most_and_the_words_it_replaces():
    assert len(ENTRIES) > 60
    for term, text in ENTRIES:
        said, _, avoided = " ".join(text.split()).partition("*Not: ")
        assert avoided, term
        assert len(re.findall(r"[.!?](?= |$)", said)) <= 2, term


@pytest.mark.parametrize("page", BY_HAND, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_keeps_to_the_words_of_the_glossary(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", "", text, flags=re.MULTILINE | re.DOTALL)
    found = {
        f"{word}: say {term}"
        for word, term in AVOIDED.items()
        if re.search(rf"\b{re.escape(word)}s?\b", text, re.IGNORECASE)
    }
    assert not found
