"""What is public is documented by the sections of numpydoc, each parameter once."""

import inspect

import pytest

import siting

pytest.importorskip("numpydoc", reason="numpydoc is not installed (group dev)")

# Types stand in signatures; a first line that begins with Return says what comes out; examples,
# further reading and a longer text are for where they help.
NOT_ASKED = {"PR04", "EX01", "ES01", "SA01"}
# Parameters are held to the code below: numpydoc takes the words of an editor for parameters.
HELD = {"PR01", "PR02", "PR03"}


def public():
    for name in siting.__all__[1:]:
        thing = getattr(siting, name)
        yield f"siting.{name}", thing
        if inspect.isclass(thing):
            for member, one in inspect.getmembers(thing, inspect.isroutine):
                if member[0] != "_" and str(getattr(one, "__module__", "")).startswith("siting"):
                    yield f"siting.{name}.{member}", one


def parameters(thing):
    """Names that the code has, not those that `siting.Study` tells an editor."""
    if "__dataclass_fields__" in vars(thing):
        return list(inspect.signature(thing).parameters)
    code = inspect.unwrap(thing.__init__ if inspect.isclass(thing) else thing).__code__
    count = code.co_argcount + code.co_kwonlyargcount
    names, rest = list(code.co_varnames[:count]), list(code.co_varnames[count:])
    if code.co_flags & inspect.CO_VARARGS:
        names.insert(code.co_argcount, rest.pop(0))
    if code.co_flags & inspect.CO_VARKEYWORDS:
        names.append(rest.pop(0))
    return [name for name in names if name not in ("self", "cls")]


def faults_of(name, thing):
    """Yield what is wrong with the docstring of one public name."""
    from numpydoc.docscrape import NumpyDocString
    from numpydoc.validate import validate

    text = inspect.getdoc(thing)
    faults = dict(validate(name)["errors"])
    if "return" in text.splitlines()[0].lower():
        faults.pop("RT01", None)
    yield from (f"{code} {what}" for code, what in faults.items() if code not in NOT_ASKED | HELD)
    entries = NumpyDocString(text)["Parameters"]
    documented = [one.strip().lstrip("*") for entry in entries for one in entry.name.split(",")]
    needed = not inspect.isclass(thing) and name.count(".") == 1
    if (documented or needed) and sorted(documented) != sorted(parameters(thing)):
        yield f"documents {sorted(documented)}, takes {sorted(parameters(thing))}"


def test_the_sections_of_every_public_name_are_valid():
    names = dict(public())
    assert len(names) > 100
    assert [f"{name}: {f}" for name, one in names.items() for f in faults_of(name, one)] == []
