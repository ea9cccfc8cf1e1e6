"""YAML text to values with lines, and back."""

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.config.yaml_text import BrokenYamlError, read, write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1.2e9", 1.2e9),
        ("1E+3", 1000.0),
        ("-1.5e-3", -0.0015),
        (".5", 0.5),
        ("5.", 5.0),
        ("120_000_000", 120_000_000),
        ("+7", 7),
        ("010", 10),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        # words, where YAML 1.1 has truth values, times, dates, and numbers to other bases
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2030-01-01", "2030-01-01"),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("1e", "1e"),
        (".", "."),
        ("'12'", "12"),
        ('"true"', "true"),
        ("1,000", "1,000"),
        ("<<", "<<"),
    ],
)
def test_a_plain_word_is_read_as_what_it_looks_like(text: str, value: object) -> None:
    found = read(f"a: {text}").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_read_as_a_number() -> None:
    assert math.isnan(read("a: .nan").value["a"])


def test_keys_are_words_whatever_they_look_like() -> None:
    assert read("no: 1\n2030: 2\ntrue: 3\n~: 4").value == {"no": 1, "2030": 2, "true": 3, "~": 4}


def test_each_key_and_item_has_its_line() -> None:
    text = "\n# a town\na:\n  b: 1\n\n  c:\n    - x: 1\n      y: 2\n    - 3\n"
    text += "d: {e: 1,\n  f: [1,\n 2]}\n"
    assert read(text).lines == {
        ("a",): 3,
        ("a", "b"): 4,
        ("a", "c"): 6,
        ("a", "c", 0): 7,
        ("a", "c", 0, "x"): 7,
        ("a", "c", 0, "y"): 8,
        ("a", "c", 1): 9,
        ("d",): 10,
        ("d", "e"): 10,
        ("d", "f"): 11,
        ("d", "f", 0): 11,
        ("d", "f", 1): 12,
    }


def test_a_key_given_twice_is_told_with_both_lines_and_the_rest_is_read() -> None:
    document = read("a:\n  b: 1\n  c: 2\n  b: 3\n  b: 4\nd: 5\n")
    assert document.slips == [
        (("a", "b"), 4, "this key is already on line 2", "keep one of the two"),
        (("a", "b"), 5, "this key is already on line 2", "keep one of the two"),
    ]
    assert document.value == {"a": {"b": 1, "c": 2}, "d": 5}


def test_an_alias_repeats_what_it_names() -> None:
    document = read("a: &tags\n  - fuel\nb: *tags\n")
    assert document.value == {"a": ["fuel"], "b": ["fuel"]}
    assert document.value["a"] is not document.value["b"]


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a: 1\nb: [1\nc: 2", 3, 2, "expected ',' or ']'"),
        ("a:\n\tb: 1", 2, 1, "found character '\\t'"),
        ("a: 1\n b: 2", 2, 3, "mapping values are not allowed here"),
        ('a: 1\nb: "c', 2, 6, "unexpected end of stream"),
        ("a: 1\nb: *c", 2, 4, "found undefined alias 'c'"),
        ("a: 1\n---\nb: 2", 2, 1, "expected a single document"),
        ("a: 1\nb: x\x01", 2, 5, "special characters are not allowed (code 1)"),
        ("a: 1\nb: !!python/object/apply:os.getcwd []", 2, 4, "is not allowed"),
        ("a: !own x", 1, 4, "tag '!own' is not allowed"),
        ("a: !!set {b}", 1, 4, "is not allowed"),
        ("a: !!int x", 1, 4, "'x' is not int"),
        ("a: !!bool yes", 1, 4, "'yes' is not bool"),
        ("a: " + "9" * 5000, 1, 4, "is not int"),
        ("? [1]\n: 2", 1, 3, "a key is not a word"),
        ("a: &x [*x]", 1, 4, "an alias repeats the part that contains the alias"),
        ("a: " + "[" * 5000, 1, 1, "nested too deeply"),
        (BOMB, 1, 24, "more than 50,000 values"),
    ],
)
def test_broken_yaml_is_told_with_line_and_column(
    text: str, line: int, column: int, what: str
) -> None:
    with pytest.raises(BrokenYamlError) as caught:
        read(text)
    assert what in caught.value.what
    if "nested" not in what and "50,000" not in what:
        assert (caught.value.line, caught.value.column) == (line, column)


BREAKS = st.text(alphabet="a \n\r\x85\u2028\u2029\ufeff\t'\"\\:#")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False)
    | st.text()
    | BREAKS
    | st.sampled_from(["yes", "no", "1e9", "1_0", "12:30", "2030-01-01", "", " ", "~", "<<", "="])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=4), st.booleans())
def test_what_is_written_reads_as_the_same(value: dict[str, object], one_line: bool) -> None:
    assert read(write(value, one_line=one_line)).value == value


@settings(deadline=None)
@given(st.text(max_size=20) | BREAKS)
def test_a_written_text_is_text_to_common_readers_too(text: str) -> None:
    assert yaml.safe_load(write({"a": text})) == {"a": text}


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!#,'\"\n \t?|>%@`1", max_size=40))
def test_any_text_is_read_or_refused_as_broken(text: str) -> None:
    try:
        document = read(text)
    except BrokenYamlError as err:
        assert 1 <= err.line <= text.count("\n") + 1  # noqa: PT017  (no error is right as well)
    else:
        assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())
