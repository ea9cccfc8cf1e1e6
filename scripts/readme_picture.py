"""Draw the picture in the README, the plan of the embedded city."""

from pathlib import Path

import siting
from siting.export import demand_layer, plan_figure, save_figure

ROOT = Path(__file__).resolve().parent.parent


def main(config: Path = ROOT / "configs" / "islamabad.yaml", out: Path | None = None) -> None:
    """Draw the plan of a configuration as a PNG file."""
    plan = siting.run(config)
    out = out or ROOT / "docs" / "images" / f"{config.stem}.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    figure = plan_figure(
        edges=plan.edges,
        cells_layer=demand_layer(plan.cells, plan.demand),
        sites=plan.sites,
        title=plan.title,
        note=" ".join(filter(None, (plan.note, plan.facts["roads"]["source"]["attribution"]))),
        subtitle=f"Public charging in {plan.facts['year']}: {dict(plan.headline())['Subsidy']}",
    )
    out.unlink(missing_ok=True)  # the package replaces no file
    save_figure(figure, out)


if __name__ == "__main__":
    import sys

    main(*map(Path, sys.argv[1:3]))
