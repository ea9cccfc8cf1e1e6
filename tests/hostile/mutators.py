"""What a hostile or unlucky hand does to files: seeded, so that each slip can be made again."""

from __future__ import annotations

import copy
import json
import math
import random
import struct
from typing import Any

# Values that readers stumble over, wherever one stands.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, -1e308, 1e-320,
    0.1, -0.0, math.nan, math.inf, -math.inf, "", " ", "0", "-1", "1e999", "nan", "NaN", "inf",
    "1,5", "1.234,5", "٣", "true", "null", "a\x00b", "a\nb", "\x1b[31mred", "[red]x[/red]", "[/]",
    "{{ 7*7 }}", "{% b", "<script>alert(1)</script>", "=cmd()|'/c calc'!A0", "+1", "@x", "-2+3",
    "\ud800", "\u202eabc", "ي" * 300, "x" * 5000, "../../etc/passwd", "/dev/null", [], {}, [[]],
    [1, 2], {"a": 1}, [None], "2030-02-30", "12:30", "1_0", "0x10", "~",
    "!!python/object:os.system",
]  # fmt: skip
# Texts that code, markup or a terminal could take for its own.
NAMES = [
    "{{ cycler.__init__.__globals__.os.system('touch pwned') }}", "{% b", "{# x", "}}", "${7*7}",
    "<script>fetch('http://127.0.0.1:9/x')</script>", "<img src=x onerror=alert(1)>", "</script>",
    "\"'><b>", "&lt;b&gt;", "javascript:alert(1)", "[red]x[/red]", "[/]", "[link=file:///etc]x",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "=cmd()|'/c calc'!A0", "+1+1", "-2+3",
    "@SUM(A1)", "\t=1", "\r=1", "[% eval('1') %]", "' || eval('1') || '", '"site_id"', "a\x00b",
    "\u202egnp.exe", "ي" * 40, "x" * 300, "\n\n", " ",
]  # fmt: skip
DEGREES = [
    0.0, 33.6, 73.0, -73.0, 180.0, 181.0, 360.0, 1e9, 1e300, 1e-300, math.nan, math.inf, -math.inf,
    60.0, 78.0, 23.0, 38.0,
]  # fmt: skip


def bytes_of(data: bytes, rng: random.Random) -> bytes:
    """Return bytes cut, flipped, doubled, zeroed or with a bit of rubbish in them."""
    if not data:
        return b"\x00"
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 3, 20))):
        at, size = rng.randrange(len(out) or 1), rng.choice((1, 2, 8, 64))
        match rng.randrange(7):
            case 0:
                del out[at:]
            case 1:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                out[at:at] = out[at : at + size]
            case 3:
                del out[at : at + size]
            case 4:
                out[at : at + size] = bytes(size)
            case 5:
                out[at:at] = rng.randbytes(size)
            case _:
                out[at : at + 1] = bytes([out[at] ^ (1 << rng.randrange(8))]) if out else b"\xff"
        if not out:
            break
    return bytes(out)


def text_of(text: str, rng: random.Random) -> str:
    """Return a text with lines dropped, doubled, swapped or joined, and words replaced."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        lines = text.split("\n")
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                del lines[a]
            case 1:
                lines.insert(b, lines[a])
            case 2:
                lines[a], lines[b] = lines[b], lines[a]
            case 3:
                lines[a] = " " * rng.randrange(6) + lines[a].strip()
            case 4:
                head, _, _ = lines[a].rpartition(":")
                lines[a] = f"{head}: {one_word(rng)}"
            case 5:
                at = rng.randrange(len(lines[a]) + 1)
                sign = rng.choice("{}[]:,#&*!|>'\"%@`-?\t\x00\x07\ufeff\u2028")
                lines[a] = lines[a][:at] + sign + lines[a][at:]
            case 6:
                words = lines[a].split(" ")
                words[rng.randrange(len(words))] = one_word(rng)
                lines[a] = " ".join(words)
            case _:
                lines = lines[: a + 1]
        text = "\n".join(lines)
    return text


def one_word(rng: random.Random) -> str:
    """Return a hostile value as a text of one line."""
    return str(rng.choice([*VALUES, *NAMES])).replace("\n", " ")


def value_of(rng: random.Random) -> Any:
    """Return a hostile value."""
    return copy.deepcopy(rng.choice(VALUES))


def tree_of(tree: Any, rng: random.Random) -> Any:
    """Return a JSON tree with some values replaced, keys lost, lists cut or doubled."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            return tree
        parent, key = rng.choice(places)
        old = parent[key]
        match rng.randrange(6):
            case 0:
                del parent[key]
            case 1 if isinstance(old, int | float):
                parent[key] = rng.choice(DEGREES)
            case 2 if isinstance(old, list) and old:
                old.append(copy.deepcopy(old[0]))
            case 3 if isinstance(old, list) and old:
                old.pop()
            case 4 if isinstance(old, str):
                parent[key] = rng.choice(NAMES)
            case _:
                parent[key] = value_of(rng)
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found = []
    below: list[Any] = [tree]
    while below:
        one = below.pop()
        keys = one.keys() if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                below.append(one[key])
    return found


def json_of(tree: Any) -> bytes:
    """Return JSON as Python writes it, NaN, lone surrogates and all."""
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def csv_of(text: str, rng: random.Random) -> bytes:
    """Return a CSV with cells replaced, columns lost or doubled, or its bytes spoilt."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.choice((1, 1, 3))):
        row = rng.choice(rows)
        at = rng.randrange(len(row)) if row else 0
        match rng.randrange(7):
            case 0 if row:
                row[at] = str(rng.choice(DEGREES))
            case 1 if row:
                del row[at]
            case 2:
                row.insert(at, one_word(rng))
            case 3:
                rows.append(list(row))
            case 4 if len(rows) > 1:
                rows.remove(row)
            case 5:
                for one in rows:
                    del one[at : at + 1]
            case _ if row:
                row[at] = one_word(rng)
    out = "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
    if rng.random() < 0.15:
        return bytes_of(out, rng)
    if rng.random() < 0.1:
        return out.decode("utf-8", "replace").encode(rng.choice(("utf-16", "cp1252")), "replace")
    return out


def wkb_of(rng: random.Random) -> bytes:
    """Return WKB that is none: rings that do not close, counts that lie, unknown kinds."""
    lie = rng.choice((0, 1, 2, 3, 7, 2**20, 2**32 - 1))
    kind = rng.choice((1, 2, 3, 4, 5, 6, 7, 15, 17, 99, 1001, 2**31 + 1))
    numbers = [rng.choice(DEGREES) for _ in range(rng.choice((0, 1, 2, 6, 8)))]
    body = b"".join(struct.pack("<d", number) for number in numbers)
    counts = b"".join(struct.pack("<I", lie) for _ in range(rng.randrange(3)))
    return struct.pack("<BI", rng.choice((0, 1, 2)), kind) + counts + body
