"""The schematic Islamabad: public facts in, an OSM file with places, people and chargers out.

`frame` and `plan` hold the facts, `mainroads` and `streets` draw lines from them, `network` joins
the lines where they cross, `places` and `people` set points beside them, `output` writes. `check`
and `picture` hold the result against real data where somebody has it. Only the last two need more
than Python's own library.
"""
