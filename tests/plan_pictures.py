"""A small plan to draw: the hand town solved, its places given odd names."""

from pathlib import Path

from town import write_town

import siting

URDU = "بلیو ایریا"  # every letter of it is in Matplotlib's own font
NASTALIQ = "لاہور ہسپتال روڈ کے پاس"  # some of its letters are not
WILD = "<script>document.title='owned'</script>`${1}"


def make_plan(folder: Path) -> siting.Plan:
    return siting.run(write_town(folder))
