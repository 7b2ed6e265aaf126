"""Pages of traces, taken apart."""

import base64
import html.parser
import itertools
import json
import sys
from array import array

from callscope.read.formats import html as page_format


class Parsed(html.parser.HTMLParser):
    """What an HTML parser finds in a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.bodies = [], [], {}
        self._within = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        self._within = tag if tag in ("script", "style", "title") else None
        if self._within:
            self.bodies.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        self.tags.append(f"/{tag}")
        self._within = None

    def handle_data(self, data):
        if self._within:
            self.bodies[self._within][-1] += data

    def handle_comment(self, data):
        self.tags.append("comment")

    @property
    def packed(self):
        """The data of the page, as its script reads them."""
        return json.loads(self.bodies["script"][0])


def page_of(trace, **options):
    return page_format.page(trace._data_with_cost(), **options)


def packed(trace):
    return Parsed(page_of(trace)).packed


def column_of(page, name):
    """Return a column of a page as numbers, read as its script reads it."""
    code, text = page["calls"][name]
    numbers = array(code, base64.b64decode(text))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def calls_of(page):
    """Return the calls of a page as they stand in it, put together again from its columns."""
    texts, columns = page["texts"], {name: column_of(page, name) for name in page["calls"]}
    ids = list(itertools.accumulate(columns["id"]))
    starts = list(itertools.accumulate(columns["start"]))
    values = iter(columns["arguments"])
    calls = []
    for i, kind in enumerate(columns["kind"]):
        site, runtime, mro_index = page["kinds"][kind]
        cls, method, file, line = page["sites"][site]
        shape, back = columns["names"][i], columns["parent"][i]
        names = [texts[number] for number in page["names"][shape - 1]] if shape else None
        result = columns["result"][i]
        calls.append(
            {
                "id": ids[i],
                "site": f"{page['classes'][cls][1]}.{method}",
                "file": file,
                "line": line,
                "mro_index": mro_index,
                "is_super": columns["isSuper"][i],
                "object": (page["classes"][runtime][1], columns["instance"][i]),
                "parent": ids[i - back] if back else None,
                "start": starts[i],
                "duration": columns["duration"][i],
                "arguments": None
                if names is None
                else {name: texts[next(values)] for name in names},
                "result": texts[result - 1] if result else None,
                "error": [texts[n] for n in page["errors"].get(str(i), [])],
                "track": page["tracks"][columns["track"][i]],
            }
        )
    assert [*values] == []
    return calls
