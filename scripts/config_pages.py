"""Make the configuration pages of docs/ from the sections of siting/config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from siting.config import Config, NationConfig, schema
from siting.config.fields import PATTERN_WORDS
from siting.config.forms import plain
from siting.config.key_faults import SELECTORS
from siting.config.refusals import REFUSALS
from siting.config.yaml_text import write

_ROWS = ("key", "type", "unit", "default", "meaning")
_MADE = "<!-- Made by scripts/config_pages.py from siting/config; do not edit. -->"


def reference() -> dict[str, str]:
    """Return Markdown pages, by path, that list every key with type, unit, default and meaning.

    A section with subsections has its own page, ``config/SECTION.md``. The other sections and the
    refused combinations are on ``config.md``.
    """
    parts: dict[str, list[str]] = {}
    for key, table in _tables(Config):
        parts.setdefault(key.split(".")[0], []).append(table)
    with_page = [name for name, tables in parts.items() if len(tables) > 1]
    first = "\n".join(
        text for name, tables in parts.items() if name not in with_page for text in tables
    )
    for name in with_page:
        first = first.replace(f"\n| `{name}` |", f"\n| [`{name}`](config/{name}.md) |", 1)
    lines = [
        "# Configuration",
        "",
        _MADE,
        "",
        "One YAML file describes one study. Unknown keys are refused. Units are part of the names "
        "of the keys. Relative paths start at the folder of the file. `1e9` and "
        "`120_000_000` are numbers; only `true` and `false` are truth values. Defaults marked "
        "ASSUMPTION have no source: replace them if you know better.",
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *(f"config/{name}" for name in with_page),
        "```",
        "",
        first,
        _refusals(),
    ]
    pages = {"config.md": "\n".join(lines)}
    for name in with_page:
        head = [
            f"# Configuration: {name}",
            "",
            _MADE,
            "",
            "All keys: [Configuration](../config.md).",
        ]
        pages[f"config/{name}.md"] = "\n".join([*head, "", *parts[name]])
    return pages


def nation_reference() -> str:
    """Return a Markdown page that lists every key of a nation."""
    lines = [
        "# Keys of a nation",
        "",
        _MADE,
        "",
        "One YAML file describes a nation: cities, each with a [configuration](config.md) of its "
        "own, and the money they share. [The how-to](howto/nation.md) describes its results.",
        "",
    ]
    return "\n".join([*lines, *(text for _, text in _tables(NationConfig))])


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the key path of each section and its table as Markdown."""
    root = schema(model)
    for key, title, section in _sections(root, root, ""):
        lines = [f"## {title}", "", section.get("description", ""), ""]
        lines += [f"| {' | '.join(_ROWS)} |", "|" + "---|" * len(_ROWS)]
        required = section.get("required", ())
        for name, part in section["properties"].items():
            default = "required" if name in required else _default(name, part)
            cells = (f"`{name}`", _type(part, root), _unit(part), default, part["description"])
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        yield key, "\n".join([*lines, ""])


def _sections(
    section: dict[str, Any], root: dict[str, Any], key: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield key path, title and schema of each section; the title of a union names its keyword."""
    selector = next((name for name in SELECTORS if name in section["properties"]), None)
    word = f", {selector}: {section['properties'][selector]['const']}" if selector else ""
    yield key, (f"`{key}`{word}" if key else "At the top"), section
    for name, part in section["properties"].items():
        inner, path = part, f"{key}.{name}".lstrip(".")
        if "patternProperties" in inner:
            (inner,), path = inner["patternProperties"].values(), f"{path}.NAME"
        if "items" in inner:
            inner, path = inner["items"], f"{path}.N"
        for choice in _choices(inner):
            if "$ref" in choice:
                yield from _sections(_follow(choice, root), root, path)


def _choices(part: dict[str, Any]) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = part.get("anyOf") or part.get("oneOf") or []
    if not choices:
        return [part]
    # In an optional section with several kinds, the choice is nested.
    return [c for choice in choices if choice.get("type") != "null" for c in _choices(choice)]


def _follow(part: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    target: dict[str, Any] = root["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    return target


def _unit(part: dict[str, Any]) -> str:
    return next((str(c["unit"]) for c in (part, *_choices(part)) if "unit" in c), "")


def _type(part: dict[str, Any], root: dict[str, Any]) -> str:
    """Return the allowed type as text."""
    if "anyOf" in part:
        (part,) = [choice for choice in part["anyOf"] if choice.get("type") != "null"]
    if "oneOf" in part:
        selector = part["discriminator"]["propertyName"]
        return f"section by {selector}: " + ", ".join(part["discriminator"]["mapping"])
    choice = part
    if "$ref" in choice:
        return "section"
    if "const" in choice:
        return f"`{choice['const']}`"
    if "enum" in choice:
        return " or ".join(f"`{word}`" for word in choice["enum"])
    match choice["type"]:
        case "object":
            if "patternProperties" in choice:
                inner = next(iter(choice["patternProperties"].values()))
                return f"{{NAME: {_type(inner, root)}}}"
            return f"{{NUMBER: {_type(choice['additionalProperties'], root)}}}"
        case "array":
            return f"list of {_type(choice['items'], root)}"
        case "boolean":
            return "true or false"
        case list():
            return "number, text, true or false"
        case "number" | "integer":
            words = ["number" if choice["type"] == "number" else "whole number"]
            for limit, sign in (
                ("minimum", "≥"),
                ("exclusiveMinimum", ">"),
                ("maximum", "≤"),
                ("exclusiveMaximum", "<"),
            ):
                if limit in choice:
                    words.append(f"{sign} {_grouped(choice[limit])}")
            return " ".join(words)
    if choice.get("format") == "path":
        return "path"
    words_of = PATTERN_WORDS.get(choice.get("pattern", ""), "")
    return f"text: {words_of}" if words_of and "blank" not in words_of else "text"


def _grouped(limit: float) -> str:
    """Return a limit as it is written in a configuration; years have no underscore."""
    return f"{limit:_.15g}" if limit >= 10_000 else f"{limit:g}"


def _default(name: str, part: dict[str, Any]) -> str:
    if name == "title":
        return "the name"
    default = part.get("default")
    if default is None:
        return "none"
    if "$ref" in part:
        return "as below"
    return f"`{write(plain(default), one_line=True)}`"


def _refusals() -> str:
    """Return the settings that exclude each other as Markdown."""
    lines = [
        "## Settings that exclude each other",
        "",
        "All other settings can be combined. These are refused before any input is read.",
        "",
        "| setting | with | why | fix |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{c.other}` | `{c.one}` | {c.why} | {c.fix} |" for c in REFUSALS]
    return "\n".join(lines) + "\n"
