"""What is somebody's stays as it is: nothing is removed or replaced that is not this program's."""

import os
import time

import pytest

from siting.errors import InputError, OutputError
from siting.writing import (
    LOCK,
    PART,
    PART_FILE,
    claimed_folder,
    clear_part_files,
    require_free,
    whole_folder,
    write_whole,
)


def fill(folder, text="mine"):
    folder.mkdir(parents=True)
    (folder / "x").write_text(text)
    old = time.time() - 3600
    for path in (folder / "x", folder):
        os.utime(path, (old, old))
    return folder / "x"


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        (".photos-part-one", None),  # what earlier versions took for theirs
        (".run-part-abcdefgh", None),
        (f".photos{PART}", None),
        (f".photos{PART}", "my notes on locks\n"),
        (f".one{PART}", None),  # just where this writer would fill its own
        (".damaged-abcdefgh", None),
    ],
)
def test_hidden_folders_of_others_stay(tmp_path, name, lock):
    kept = fill(tmp_path / name)
    (tmp_path / name / ".writer").write_text("process 1 on nowhere\n")
    beside = tmp_path / (name + LOCK)
    if lock is not None:
        beside.write_text(lock)
    with whole_folder(tmp_path / "one") as part:
        (part / "a").write_text("a")
    assert kept.read_text() == "mine"
    assert beside.exists() is (lock is not None)
    assert lock is None or beside.read_text() == lock
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["a"]
    assert {p.name for p in tmp_path.iterdir()} == {"one", name, *([beside.name] if lock else [])}


def test_a_lock_that_is_not_ours_is_left_and_the_name_refused(tmp_path):
    lock = tmp_path / f".one{PART}{LOCK}"
    lock.write_text("my notes\n")
    with pytest.raises(InputError, match="name another folder"), whole_folder(tmp_path / "one"):
        pass
    assert lock.read_text() == "my notes\n"


def test_what_a_writer_left_that_is_gone_goes(tmp_path):
    for name in ("one", "other"):
        fill(tmp_path / f".{name}{PART}")
        (tmp_path / f".{name}{PART}{LOCK}").write_text("process 1 on nowhere\n")
    (tmp_path / f".bare{PART}{LOCK}").touch()  # killed before it could say who it is
    with whole_folder(tmp_path / "one") as part:
        assert list(part.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["one"]


@pytest.mark.slow
def test_a_name_is_claimed_before_the_work(tmp_path):
    """Who comes second is refused at once and told by whom, or gets the next name."""
    with claimed_folder(None, tmp_path / "run") as (part, first):
        (part / "x").write_text("1")
        with pytest.raises(InputError, match=rf"process {os.getpid()} on .* is writing it"):
            whole_folder(tmp_path / "run").__enter__()
        with claimed_folder(None, tmp_path / "run") as (part, second):
            (part / "x").write_text("2")
    with claimed_folder(None, tmp_path / "run") as (part, third):
        (part / "x").write_text("3")
    assert [place.name for place in (first, second, third)] == ["run", "run-2", "run-3"]
    assert [(place / "x").read_text() for place in (first, second, third)] == ["1", "2", "3"]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_another_program_puts_there_meanwhile_costs_nothing(tmp_path, what):
    (tmp_path / "run-2").mkdir()

    def taken():
        with whole_folder(tmp_path / "run") as part:
            (part / "x").write_text("the plan")
            if what == "file":
                (tmp_path / "run").write_text("theirs")
            else:
                fill(tmp_path / "run", "theirs")

    with pytest.raises(OutputError, match=r"the result is complete, in .*run-3"):
        taken()
    theirs = tmp_path / "run" if what == "file" else tmp_path / "run" / "x"
    assert theirs.read_text() == "theirs"
    assert (tmp_path / "run-3" / "x").read_text() == "the plan"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run-2", "run-3"]


def test_a_file_that_is_there_is_not_replaced(tmp_path):
    path = tmp_path / "town.yaml"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"town.yaml: already exists; name another file"):
        write_whole(path, lambda part: part.write_text("theirs"))

    def meanwhile(part):
        part.write_text("theirs")
        (tmp_path / "new.csv").write_text("mine")

    with pytest.raises(InputError, match=r"new.csv: already exists"):
        write_whole(tmp_path / "new.csv", meanwhile)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "town.yaml": "mine",
        "new.csv": "mine",
    }
    write_whole(path, lambda part: part.write_text("own"), replace=True)
    assert path.read_text() == "own"


def test_a_link_and_a_folder_are_something_that_is_there(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "real").write_text("mine")
    (tmp_path / "link").symlink_to("real")
    for name, what in (("folder", "is a folder"), ("link", "already exists")):
        with pytest.raises(InputError, match=what):
            require_free(tmp_path / name)
    require_free(tmp_path / "deep" / "new")


@pytest.mark.parametrize("files", [["stages/stages.json"], ["nation.json", "certificate.csv"]])
def test_a_stored_run_stays_as_it_was_written(tmp_path, files):
    run = tmp_path / "run"
    with whole_folder(run) as part:
        for name in files:
            write_whole(part / name, lambda path: path.write_text("{}"))
        write_whole(part / "more.csv", lambda path: path.write_text("a"))  # it is being filled
        with whole_folder(part / "cities" / "one") as inner:
            (inner / "x").write_text("x")
    for place in (run / "new.csv", run / "deep" / "new.csv"):
        with pytest.raises(InputError, match="which must stay unchanged; name a place outside"):
            require_free(place)
        with pytest.raises(InputError, match="must stay unchanged"):
            whole_folder(place).__enter__()
    require_free(tmp_path / "beside.csv")


def test_half_files_are_known_by_their_whole_name(tmp_path):
    ours = [f"{PART_FILE}abcd_123", f"{PART_FILE}abcd_123.csv", f"{PART_FILE}abcd_123.fgb.gz"]
    theirs = [".part-one", f"{PART_FILE}of-mine.csv", f"{PART_FILE}abcd_1234"]
    for name in (*ours, *theirs):
        (tmp_path / name).write_text("x")
    clear_part_files(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(theirs)
