"""Print a random sample of sentences from the documentation, for a reader to judge.

``python scripts/sample_sentences.py 150 31`` prints 150 sentences with seed 31. Code blocks, the
changelog, and pages made from code are left out.
"""

import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MADE = re.compile(r"^(<!-- Made by|Written by `python)", re.MULTILINE)


def sentences() -> list[str]:
    """Return every sentence with its page; table cells are included from eight words."""
    found = []
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if MADE.search(text) or page.name == "tables.md":
            continue
        text = re.sub(r"^```.*?^```", "\n\n", text, flags=re.MULTILINE | re.DOTALL)
        for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?)", text):
            cells = paragraph.strip().strip("|").split("|") if "|" in paragraph else [paragraph]
            for cell in cells:
                plain = " ".join(cell.split()).lstrip("#-* ")
                parted = re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\[\"])", plain)
                least = 8 if len(cells) > 1 else 4
                found += [
                    f"{page.relative_to(ROOT)}: {sentence}"
                    for sentence in parted
                    if len(sentence.split()) >= least
                ]
    return found


if __name__ == "__main__":
    count, seed = (int(word) for word in (*sys.argv[1:], "150", "31")[:2])
    every = sentences()
    print(f"{len(every):,} sentences")
    for number, sentence in enumerate(random.Random(seed).sample(every, count), 1):
        print(f"{number:3} {sentence}")
