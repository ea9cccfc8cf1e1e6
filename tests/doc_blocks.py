"""The code blocks of the documentation: which run, in what order, and which are left out and why.

A fence says after its language whether it runs: nothing, or ``slow`` where it takes long; and
``skip: REASON``, never.
"""

import re
from dataclasses import dataclass

from conftest import ROOT

FENCE = re.compile(r"^```(python|sh)[ \t]*([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of a page: its language, its text, the line it begins on, and when it runs."""

    language: str
    text: str
    line: int
    slow: bool
    skip: str


def pages():
    """Return the pages that may hold code: the README and all of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page):
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        words = match[2].strip()
        kind, _, reason = words.partition(":")
        assert words in ("", "slow") or (kind == "skip" and reason.strip()), f"{page}: {words}"
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(match[1], match[3], line, words == "slow", reason.strip()))
    return found
