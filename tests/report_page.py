"""A report as a browser would read it, and a small stored run with odd names to make one of."""

import json
from html.parser import HTMLParser

import yaml
from town import write_town

from siting import study

WILD = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
URDU = "صدر پمپ، کراچی"
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = {
            "tag": tag,
            "attrs": dict(attrs),
            "text": "",
            "in": [e["tag"] for e in self.open],
        }
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attrs):
        return [
            e
            for e in self.elements
            if e["tag"] == tag and all(e["attrs"].get(k.rstrip("_")) == v for k, v in attrs.items())
        ]

    def figure(self, name):
        """Return the exact number of a headline figure."""
        tile = self.elements.index(next(e for e in self.all("dt") if e["text"] == name))
        data = next(e for e in self.elements[tile:] if e["tag"] == "data")
        return json.loads(data["attrs"]["value"])

    @property
    def data(self):
        return json.loads(self.all("script", id="run-data")[0]["text"])


def make_run(folder, **changes):
    config = write_town(folder)
    sites = folder / "sites.csv"
    text = sites.read_text(encoding="utf-8")
    text = text.replace("West pump", f'"{WILD}"').replace("East pump", URDU)
    sites.write_text(text, encoding="utf-8")
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) | changes
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    study.run(config, out=folder / "run")
    (folder / "run" / "report.html").unlink()  # the tests make it themselves
    return folder / "run"


def edit_json(path, change):
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
