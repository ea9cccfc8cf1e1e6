"""Conversion between YAML text and plain values; `read` also returns the line of every key.

Only ``true`` and ``false`` are booleans. ``no``, ``on``, ``yes``, dates and times are strings.
``1e9``, ``1.2e9`` and ``120_000_000`` are numbers. Keys are strings; no key may be repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Key = tuple[str | int, ...]

MAX_VALUES = 50_000

_TAG = "tag:yaml.org,2002:"
_WORDS = {"true": True, "false": False}
_PLAIN = (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+(?:_[0-9]+)*\Z", "-+0123456789"),
    (
        "float",
        r"(?:[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z",
        "-+0123456789.",
    ),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  (same type as the parent's; filled below)


class _Dumper(yaml.SafeDumper):
    """YAML writer that quotes every string that a reader would misread."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # In other styles, a line break can be read back as a space.
        style = '"' if set(data) & set("\n\r\x85\u2028\u2029") else None
        return self.represent_scalar(_TAG + "str", data, style=style)

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless  # items of a list are indented below their key
        super().increase_indent(flow, False)


for _name, _pattern, _first in _PLAIN:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))


_Dumper.add_representer(str, _Dumper.represent_str)


class BrokenYamlError(ValueError):
    """Raised if text is not YAML or exceeds limits; `line` and `column` count from 1."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {what}")
        self.what, self.line, self.column = what, line, column


@dataclass
class Document:
    """The content of YAML text: plain values, the line of each key and list item, and problems."""

    value: Any = None
    lines: dict[Key, int] = field(default_factory=dict)
    # Repeated keys, which do not stop the reader: the key, its line, what is wrong and the fix.
    slips: list[tuple[Key, int, str, str]] = field(default_factory=list)


def read(text: str) -> Document:
    r"""Parse YAML text; return its value and the line of every key.

    Raises `BrokenYamlError` for text that is invalid or exceeds limits on nesting and repetition.

    >>> document = read("program:\n  budget_pkr: 1.2e8\n  peak: no")
    >>> document.value
    {'program': {'budget_pkr': 120000000.0, 'peak': 'no'}}
    >>> document.lines[("program", "budget_pkr")]
    2
    """
    try:
        node = _Loader(text).get_single_node()
        document = Document()
        if node is not None:
            document.value = _value(document, node, (), ())
    except yaml.reader.ReaderError as err:
        before = text[: err.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise BrokenYamlError(f"{err.reason} (code {err.character})", line, column) from err
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        words = ", ".join(part for part in (err.context, err.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BrokenYamlError(words, line, column) from err
    except RecursionError as err:
        raise BrokenYamlError("nested too deeply", 1, 1) from err
    return document


def write(value: Any, *, one_line: bool = False) -> str:
    """Return a value as YAML text from which `read` restores it; keys keep their order.

    `value` consists of strings, numbers, booleans and ``None``, in lists and mappings.

    >>> print(write({"year": 2030, "note": "yes", "tags": ["fuel"]}), end="")
    year: 2030
    note: 'yes'
    tags:
      - fuel
    >>> write({"year": 2030, "tags": ["fuel"]}, one_line=True)
    '{year: 2030, tags: [fuel]}'
    """
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf") if one_line else 100,
        default_flow_style=one_line,
    )
    return text.removesuffix("\n").removesuffix("\n...") if one_line else text


def _value(document: Document, node: yaml.Node, key: Key, above: tuple[int, ...]) -> Any:
    """Return the value of a node; add line numbers and problems (`slips`) to `document`.

    `above` has the ids of the nodes that contain this node.
    """
    # `lines` has one entry for each value read so far, except the outermost.
    if len(document.lines) >= MAX_VALUES:
        raise _broken(node, f"more than {MAX_VALUES:,} values, with aliases expanded")
    if id(node) in above:
        raise _broken(node, "an alias repeats the part that contains the alias")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(document, node, key, above)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        items = []
        for i, item in enumerate(node.value):
            document.lines[*key, i] = item.start_mark.line + 1
            items.append(_value(document, item, (*key, i), above))
        return items
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    raise _broken(node, f"tag {node.tag!r} is not allowed")


def _mapping(
    document: Document, node: yaml.MappingNode, key: Key, above: tuple[int, ...]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name_node, value_node in node.value:
        if not isinstance(name_node, yaml.ScalarNode):
            raise _broken(name_node, "a key is not a word")
        name, line = name_node.value, name_node.start_mark.line + 1
        below = (*key, name)
        if name in values:
            what = f"this key is already on line {document.lines[below]}"
            document.slips.append((below, line, what, "keep one of the two"))
            continue
        document.lines[below] = line
        values[name] = _value(document, value_node, below, above)
    return values


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    try:
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return _WORDS[text.lower()]
            case "int":
                return int(text)
            case "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    except (ValueError, KeyError) as err:
        raise _broken(node, f"{text[:60]!r} is not {node.tag.removeprefix(_TAG)}") from err
    raise _broken(node, f"tag {node.tag!r} is not allowed")


def _broken(node: yaml.Node, what: str) -> BrokenYamlError:
    return BrokenYamlError(what, node.start_mark.line + 1, node.start_mark.column + 1)
