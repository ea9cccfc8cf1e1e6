"""The configuration: one YAML file a study, checked as a whole, with its schema."""

from siting.config.changing import changed, words
from siting.config.demand import Demand, Figures, Housing, Surfaces, SurfaceWeights
from siting.config.fields import rupees, rupees_of_word
from siting.config.forms import (
    input_files,
    schema,
    to_yaml,
    with_files,
)
from siting.config.nation import NationConfig, load_nation
from siting.config.offers import Money, Offers, Service, SiteCosts, Subsidy
from siting.config.program import Program
from siting.config.reading import load
from siting.config.sections import (
    Candidates,
    Config,
    Download,
    Existing,
    Output,
    Reach,
    Roads,
    Solver,
)
from siting.config.sources import (
    H3Cells,
    PeoplePoints,
    PeopleRaster,
    PeopleStreets,
    PeopleZones,
    PlacesLayer,
    PlacesOsmDownload,
    PlacesOsmFile,
    RoadsBbox,
    RoadsFile,
    RoadsPlace,
    RoadsPolygon,
    SitesLayer,
    SitesOsmDownload,
    SitesOsmFile,
    SitesStreets,
    SquareCells,
)
from siting.config.sweeps import as_overrides, combinations, even_steps, parse_sweeps

__all__ = [
    "Candidates",
    "Config",
    "Demand",
    "Download",
    "Existing",
    "Figures",
    "H3Cells",
    "Housing",
    "Money",
    "NationConfig",
    "Offers",
    "Output",
    "PeoplePoints",
    "PeopleRaster",
    "PeopleStreets",
    "PeopleZones",
    "PlacesLayer",
    "PlacesOsmDownload",
    "PlacesOsmFile",
    "Program",
    "Reach",
    "Roads",
    "RoadsBbox",
    "RoadsFile",
    "RoadsPlace",
    "RoadsPolygon",
    "Service",
    "SiteCosts",
    "SitesLayer",
    "SitesOsmDownload",
    "SitesOsmFile",
    "SitesStreets",
    "Solver",
    "SquareCells",
    "Subsidy",
    "SurfaceWeights",
    "Surfaces",
    "as_overrides",
    "changed",
    "combinations",
    "even_steps",
    "input_files",
    "load",
    "load_nation",
    "parse_sweeps",
    "rupees",
    "rupees_of_word",
    "schema",
    "to_yaml",
    "with_files",
    "words",
]
