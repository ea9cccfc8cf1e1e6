"""The notebooks as they are stored: without outputs, and each named where readers look."""

import ast
import json

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_the_four_and_readers_find_them():
    assert len(NOTEBOOKS) >= 4
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "howto" / "notebooks.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"notebooks/{path.name}" in readme
        assert f"`{path.name}`" in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_stores_no_outputs_and_is_explained(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    words = [cell for cell in book["cells"] if cell["cell_type"] == "markdown"]
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        ast.parse("".join(cell["source"]))
    assert len(words) >= len(code) / 2
    assert "".join(words[0]["source"]).startswith("# ")
    assert "schematic" in "".join(words[0]["source"])
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    assert set(book["metadata"]) == {"kernelspec", "language_info"}
