"""Seconds and memory from an OSM file to a network: the direct way against OSMnx's.

Run from the repository root, in the virtual environment::

    python benchmarks/roads.py [FILE ...] [--blocks 255]

Without files, two are made up: a city of streets bent at nodes of their own, with avenues,
one-ways, deleted blocks and names, as XML; and the same as PBF where pyosmium is there. At the size
that stands below the XML has some 48 MB. Each way runs in a process of its own, so that peak memory
is its own; memory is counted above that of a process that has only done the imports. Of the two
networks a digest of all ids, lengths, minutes and corners must be the same, or the run fails.
"""

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CITY = "karachi_lahore"
STEP_DEG = 0.0018


def write_city(path: Path, blocks: int, seed: int = 1) -> None:
    """Write a made-up city of blocks x blocks corners as OSM XML, tagged much as Karachi's is."""
    rng = random.Random(seed)
    ids, ways = {}, []
    nodes = []

    def node(x: float, y: float) -> int:
        nodes.append((x, y))
        return len(nodes)

    for row in range(blocks):
        for column in range(blocks):
            shake = 0.25 * STEP_DEG
            ids[row, column] = node(
                66.9 + STEP_DEG * column + rng.uniform(-shake, shake),
                24.8 + STEP_DEG * row + rng.uniform(-shake, shake),
            )

    def street(a: tuple[int, int], b: tuple[int, int]) -> list[int]:
        (x0, y0), (x1, y1) = nodes[ids[a] - 1], nodes[ids[b] - 1]
        bends = rng.choice((0, 1, 2, 3, 6))
        bent = [
            node(
                x0 + (x1 - x0) * k / (bends + 1) + rng.uniform(-1e-4, 1e-4),
                y0 + (y1 - y0) * k / (bends + 1) + rng.uniform(-1e-4, 1e-4),
            )
            for k in range(1, bends + 1)
        ]
        return [ids[a], *bent, ids[b]]

    for row in range(blocks):
        for column in range(blocks):
            for step in ((0, 1), (1, 0)):
                other = (row + step[0], column + step[1])
                line = row if step == (0, 1) else column
                avenue = line % 10 == 0
                if other not in ids or (not avenue and rng.random() < 0.12):
                    continue
                tags = {"highway": "primary" if avenue else "residential"}
                if avenue or rng.random() < 0.3:
                    tags["name"] = f"{'Avenue' if avenue else 'Street'} {line} {step[0]}"
                if avenue and rng.random() < 0.4:
                    tags["maxspeed"] = rng.choice(("50", "60"))
                if rng.random() < 0.08:
                    tags["oneway"] = rng.choice(("yes", "yes", "-1"))
                refs = street((row, column), other)
                cut = rng.randrange(1, len(refs)) if len(refs) > 2 and rng.random() < 0.3 else 0
                ways += [(refs[: cut + 1], tags), (refs[cut:], tags)] if cut else [(refs, tags)]
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        for i, (x, y) in enumerate(nodes, 1):
            file.write(f' <node id="{i}" lat="{y:.7f}" lon="{x:.7f}" version="1"/>\n')
        for i, (refs, tags) in enumerate(ways, 1):
            file.write(f' <way id="{i}" version="1">\n')
            file.writelines(f'  <nd ref="{ref}"/>\n' for ref in refs)
            file.writelines(f'  <tag k="{k}" v="{v}"/>\n' for k, v in tags.items())
            file.write(" </way>\n")
        file.write("</osm>\n")


def write_pbf(path: Path, xml: Path) -> bool:
    try:
        import osmium
    except ImportError:
        return False
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in osmium.FileProcessor(str(xml)):
            writer.add(thing)
    return True


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def run(way: str, path: Path) -> dict[str, float | str]:
    """Build a file's network in one way and return what it took and a digest of the network."""
    import pandas as pd
    import shapely

    from siting import roads
    from siting.reference import table

    speeds = table("speeds")
    before = peak_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    if way == "direct":
        network = roads.network_from_file(path, speeds, CITY)
    else:
        network = roads.build_network(roads.read_file(path), speeds, CITY)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_mb() - before
    digest = hashlib.sha256()
    for frame in (network.nodes, network.edges):
        plain = pd.DataFrame(frame.drop(columns="geometry"))
        digest.update(pd.util.hash_pandas_object(plain).to_numpy().tobytes())
        digest.update(b"".join(shapely.to_wkb(frame.geometry.to_numpy())))
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_mb": peak,
        "nodes": len(network.nodes),
        "edges": len(network.edges),
        "digest": digest.hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--blocks", type=int, default=255)
    parser.add_argument("--way", choices=("direct", "osmnx"))
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(run(asked.way, asked.files[0])))
        return
    with tempfile.TemporaryDirectory() as folder:
        files = asked.files
        if not files:
            city = Path(folder) / "city.osm"
            write_city(city, asked.blocks)
            files = [city]
            if write_pbf(Path(folder) / "city.osm.pbf", city):
                files.append(Path(folder) / "city.osm.pbf")
        for path in files:
            compare(path)


def compare(path: Path) -> None:
    found = {}
    for way in ("osmnx", "direct"):
        command = [sys.executable, __file__, "--way", way, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[way] = json.loads(done.stdout)
    old, new = found["osmnx"], found["direct"]
    if old["digest"] != new["digest"]:
        raise SystemExit(f"{path.name}: the two networks differ")
    size = path.stat().st_size / 1e6
    print(
        f"{path.name}: {size:.1f} MB, {new['nodes']:,} nodes, {new['edges']:,} edges, "
        "both ways the same"
    )
    print(f"{'':<10}{'CPU s':>9}{'wall s':>9}{'peak MB above imports':>24}")
    for way, row in found.items():
        print(f"{way:<10}{row['cpu_s']:9.2f}{row['wall_s']:9.2f}{row['peak_mb']:24.0f}")
    print(
        f"{'ratio':<10}{old['cpu_s'] / new['cpu_s']:9.1f}{old['wall_s'] / new['wall_s']:9.1f}"
        f"{old['peak_mb'] / max(new['peak_mb'], 1):24.1f}\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
