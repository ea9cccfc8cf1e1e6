"""The configuration: one YAML file per study, checked as a whole, with its schema."""

from siting.config.changing import changed, python_value, words
from siting.config.demand import Demand
from siting.config.fields import rupees, rupees_of_word
from siting.config.forms import input_files, schema, to_yaml, with_files, with_keys
from siting.config.nation_config import NationConfig, load_nation
from siting.config.reading import load
from siting.config.sections import Config
from siting.config.sources import PeopleZones, SitesLayer
from siting.config.sweeps import as_overrides, combinations, even_steps, parse_sweeps

__all__ = [
    "Config", "Demand", "NationConfig", "PeopleZones", "SitesLayer", "as_overrides", "changed",
    "combinations", "even_steps", "input_files", "load", "load_nation", "parse_sweeps",
    "python_value", "rupees", "rupees_of_word", "schema", "to_yaml", "with_files", "with_keys",
    "words",
]  # fmt: skip
