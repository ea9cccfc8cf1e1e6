"""How Sphinx builds docs/: ``python -m sphinx -W -b html docs build/docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from siting import Study, __version__

# Editors complete every key by these signatures; a reader finds the keys on pages of their own.
for call in (Study.__init__, Study.with_):
    del call.__signature__

project = "siting"
author = "The siting authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["images"]
smartquotes = False  # --set is an option, not a dash
html_theme = "furo"
html_title = f"siting {__version__}"
html_show_copyright = False
html_show_sphinx = False

# Links to a heading of a page hold for headings of the first three levels.
myst_heading_anchors = 3

# Names in docstrings link to what they name where that is on the page of Python, and else stand as
# they are: inventories of pandas and others would need the internet at every build.
default_role = "py:obj"
nitpicky = False

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False
autodoc_typehints = "none"  # the docstrings say what each parameter is, with units
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 80
add_module_names = False
