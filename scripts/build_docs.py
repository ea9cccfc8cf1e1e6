"""Write the pages of docs/ that are made from code: config.md and tables.md."""

from pathlib import Path

from siting.config import reference
from siting.tables import TABLES

DOCS = Path(__file__).resolve().parent.parent / "docs"


def tables_page() -> str:
    """Return the data dictionary as Markdown: one section a table, one row a column."""
    lines = [
        "# Tables",
        "",
        "Every table that passes between stages. `siting.validate(frame, table)` holds a table of",
        "yours against its specification and lists every fault at once.",
    ]
    for table in TABLES:
        lines += ["", f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}."]
        lines += ["", f"Named by: {', '.join(f'`{k}`' for k in table.key)}."]
        if table.geometry:
            lines += [f"Geometry: {' or '.join(table.geometry)}."]
        if table.capacity_columns:
            lines += ["Also one column `capacity_<group>_kwh_day` for each charger group."]
        lines += ["", "| column | kind | unit | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            kind = column.kind + (", may be blank" if column.nullable else "")
            lines.append(f"| `{column.name}` | {kind} | {column.unit} | {column.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (DOCS / "config.md").write_text(reference(), encoding="utf-8")
    (DOCS / "tables.md").write_text(tables_page(), encoding="utf-8")
