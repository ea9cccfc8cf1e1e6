"""The schematic Islamabad: an OSM file, places, people and chargers from public facts.

`frame` and `plan` hold the facts, `mainroads` and `streets` draw lines from them, `network` joins
the lines at crossings, `places` and `people` set points beside them, `output` writes. `check` and
`picture` compare the result with real data, and alone need more than Python's own library.
"""
