"""The gallery of questions: each block of YAML loads as it stands, and answers on a small area."""

import re

import geopandas as gpd
import pytest
import yaml
from conftest import ROOT
from shapely import box

from siting.config import load
from siting.errors import InfeasibleError

PAGE = (ROOT / "docs" / "howto" / "gallery.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^## (.+?)\n.*?^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def merged(base, more):
    """Return a configuration with the keys of a block in it."""
    out = dict(base)
    for key, value in more.items():
        inner = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if inner else value
    return out


@pytest.fixture
def small(tmp_path):
    """The embedded city cut down to a few sectors."""
    config = yaml.safe_load((ROOT / "configs" / "islamabad.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(config).replace("../data", str(ROOT / "data"))
    config = yaml.safe_load(text)
    area = gpd.GeoDataFrame(geometry=[box(73.02, 33.67, 73.09, 33.73)], crs=4326)
    area.to_file(tmp_path / "area.geojson")
    config["roads"]["source"]["clip"] = "area.geojson"
    config["demand"]["people"]["clip_to_roads"] = True
    config["solver"] = {"gap": 0.1, "time_limit_s": 20}
    config["program"]["then"] = []
    grid = (ROOT / "siting" / "reference" / "grid.csv").read_text(encoding="utf-8")
    (tmp_path / "my-grid.csv").write_text(grid, encoding="utf-8")

    def write(block):
        path = tmp_path / "question.yaml"
        path.write_text(yaml.safe_dump(merged(config, yaml.safe_load(block))), encoding="utf-8")
        return path

    return write


def test_every_question_has_its_yaml():
    assert len(QUESTIONS) == PAGE.count("\n## ") == PAGE.count("```yaml")


@pytest.mark.parametrize("question", QUESTIONS, ids=[q for q, _ in QUESTIONS])
def test_each_block_is_a_configuration(question, small):
    load(small(question[1]))


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=[q for q, _ in QUESTIONS])
def test_each_block_is_answered_on_a_small_area(question, small):
    from siting import run

    if question[0].startswith("Can every part"):
        # What the page says then: which part has too little within reach, and by how much.
        longer = f"{question[1]}\nsolver: {{gap: 0.1, time_limit_s: 150}}\n"
        with pytest.raises(InfeasibleError, match="need 20 % of the demand"):
            run(small(longer))
        return
    plan = run(small(question[1]))
    assert plan.facts["status"] in ("optimal", "feasible")
