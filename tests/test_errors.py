import pickle

import pytest

from siting import errors
from siting.errors import Fault, InputError, Override, SitingError


def test_a_fault_reads_as_one_line_with_the_first_ids_and_the_fix():
    fault = Fault(
        "people.csv, column people", "7 rows are negative", "correct them", tuple("abcdefg")
    )
    assert str(fault) == (
        "people.csv, column people: 7 rows are negative (a, b, c, d, e and 2 more); correct them"
    )


def test_a_copied_override_keeps_its_place():
    override = Override("solver.gap=2", "--gap")
    for again in (Override(override, "--set {}"), pickle.loads(pickle.dumps(override))):
        assert (again, again.place) == ("solver.gap=2", "--gap")
    assert Override("solver.gap=2").place == "override {}"


def test_several_faults_are_all_shown():
    error = InputError([Fault("a", "is wrong"), Fault("b", "is wrong too")])
    assert str(error) == "- a: is wrong\n- b: is wrong too"
    assert len(error.faults) == 2


def test_a_plain_message_needs_no_place():
    assert str(SitingError("nothing to do")) == "nothing to do"


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("ConfigError", ValueError),
        ("InputError", ValueError),
        ("DownloadError", ConnectionError),
        ("InfeasibleError", ValueError),
        ("SolveError", RuntimeError),
        ("VerifyError", ArithmeticError),
        ("MissingExtraError", ImportError),
    ],
)
def test_each_error_is_ours_and_the_standard_librarys(name, standard):
    kind = getattr(errors, name)
    with pytest.raises(standard, match="broken"):
        raise kind("broken")
    assert issubclass(kind, SitingError)
