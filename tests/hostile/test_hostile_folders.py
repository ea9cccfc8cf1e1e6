"""Finished folders, edited in every way: each edit is caught, none ends in a traceback."""

import random

import pytest
from batch_driver import Inline
from hostile.edits import edits_of, made, tried

SEED, EDITS = 29, 15
CHECKS = {"run": ["verify"], "nation": ["nation"]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("finished")
    kept = {}

    def folder(kind):
        if kind not in kept:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("siting.batch.pools.Workers._begin", lambda _: Inline())
                kept[kind] = made(kind, place)
        return kept[kind]

    return folder


def escapes(folder, kind, scratch, count, seed):
    edits = edits_of(folder)
    chosen = random.Random(seed).sample(edits, min(count, len(edits)))
    came = {f"{one.name}, mended: {one.mended}": tried(folder, one, scratch, CHECKS[kind])
            for one in chosen}  # fmt: skip
    return {name: what for name, what in came.items() if what != "caught"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKS)
def test_edits_of_a_finished_folder(folders, tmp_path, kind):
    assert escapes(folders(kind), kind, tmp_path, EDITS, SEED) == {}


def test_the_edits_are_of_every_kind(stored_town):
    names = {edit.name.split(" ")[0] for edit in edits_of(stored_town() / "run")}
    assert {"remove", "byte", "end", "text", "cell", "column", "trigger", "view", "add",
            "run.json:", "stages/stages.json:"} <= names  # fmt: skip
