"""Build the schematic Islamabad in data/islamabad from public facts.

    python scripts/build_islamabad.py                        write the files
    python scripts/build_islamabad.py --check DIR            and compare them with real data
    python scripts/build_islamabad.py --check DIR --picture overlay.png

Every build gives the same bytes and needs only Python's standard library. ``--check`` needs the
dependencies of the project and a folder with real OSM data of Islamabad
(``islamabad_sectors_drive_20250515.graphml.gz`` and
``islamabad_rawalpindi_amenities_osm_20251208.geojson``); ``--picture`` needs matplotlib too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from islamabad import mainroads, network, output, people, places, plan, streets

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "data" / "islamabad"


def build() -> tuple[list[network.Way], list[places.Place], list[people.PeoplePoint]]:
    """Return the city: ways in the grid, places beside the ways, and people."""
    lines = [line for road in mainroads.ROADS for line in mainroads.carriageways(road)]
    lines += mainroads.links()
    for sector in plan.sectors():
        lines += streets.streets(sector)
    return network.join(lines), places.places(), people.people()


def main(argv: list[str] | None = None) -> None:
    """Build the city, and on request compare and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="where the files go")
    parser.add_argument("--check", type=Path, metavar="DIR", help="folder with real OSM data")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw both, one over the other")
    args = parser.parse_args(argv)
    if args.picture and not args.check:
        parser.error("--picture draws over real data: give --check DIR as well")
    ways, spots, points = build()
    output.write(args.out, ways, spots, points)
    nodes = {node for way in ways for node in way.nodes}
    print(
        f"schematic Islamabad: {len(nodes):,} road nodes, {len(ways):,} ways, {len(spots)} places, "
        f"{len(points)} people points ({sum(q.people for q in points):,} people) in {args.out}"
    )
    if args.check:
        from islamabad import check

        real = check.read_real(args.check)
        print(check.report(real, ways))
        if args.picture:
            from islamabad import picture

            picture.draw(args.picture, real, ways, spots)
            print(f"picture: {args.picture}")


if __name__ == "__main__":
    main()
