"""Draw the schematic Islamabad from public facts: roads, places, people and chargers.

`frame` and `plan` have the facts. `mainroads` and `streets` draw lines from these facts, `network`
joins the lines at crossings, `places` and `people` put points beside the lines, and `output` writes
the files. `check` and `picture` compare the result with real data. Only these two modules need more
than Python's standard library.
"""
