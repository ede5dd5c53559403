"""Random rules and events over a small, nasty alphabet, so that they meet often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

FIELDS = ("f", "g", "h")
NESTED = ("o.a", "o.l[1]", "l[0]", "l", "o.r.b")
LETTERS = "aAbſsKkéÉßẞİ0-/ .\n"
PLAIN = st.text(LETTERS, max_size=5)
WILD = st.text(LETTERS + "**??\\\\%", max_size=6)
NUMBERS = st.integers(-2, 12) | st.sampled_from([0.5, 1.5, 10.0, 200])
PATTERNS = st.sampled_from(
    ["a", "^a", "a$", "[a-k]b", "a.b", r"\sa", r"\d+", "(a|k)0", "a{2}", r"\-", "", "k?s", r"\.$", "^$", "a[$]|b$"]
)
NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.0/31", "2001:db8::/32", "::ffff:0:0/96", "198.51.100.7/32"])
ADDRESSES = st.sampled_from(
    [
        "10.0.0.1",
        "192.0.2.1",
        "192.0.2.2",
        "2001:DB8::1",
        "::ffff:10.0.0.1",
        "::1",
        "10.0.0.1 ",
        "10.1",
        "010.0.0.1",
        "x",
    ]
)
TIMES = st.sampled_from(
    [
        "2026-11-24T03:10:00Z",
        "2026-11-24 03:10:59.123456789",
        "2026-11-24T23:10:00+02:00",
        "2026-11-24",
        "1795489800",
        "1795489800.5",
        "1795489800123",
        "1795489800123456",
        "2026-02-30",
        "2026-11-24T25:00:00",
        "2026-11-24T03:10x",
        "2026-11-24T3:10",
        "24/11/2026",
    ]
)
TIME_PARTS = [
    ("minute", 10),
    ("hour", 3),
    ("hour", 23),
    ("hour", 0),
    ("day", 24),
    ("week", 48),
    ("month", 11),
    ("year", 2026),
]
ENCODINGS = st.sampled_from(
    [
        ["base64"],
        ["base64offset"],
        ["wide", "base64offset"],
        ["utf16le", "base64"],
        ["utf16be", "base64"],
        ["utf16", "base64"],
        ["wide"],
        ["windash"],
    ]
)
ANCHORS = st.sampled_from([[], ["contains"], ["startswith"], ["endswith"]])
ENDS = st.sampled_from([[], [], [], ["all"], ["neq"], ["cased"], ["cased", "all"], ["all", "neq"]])


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


@st.composite
def items(draw: st.DrawFn) -> tuple[str, Any]:
    """One detection item: key and value or values."""
    field = draw(st.sampled_from(FIELDS))
    kind = draw(st.integers(0, 10))
    if draw(st.integers(0, 7)) == 0:
        field = draw(st.sampled_from(NESTED))
    if kind == 10:
        part, number = draw(st.sampled_from(TIME_PARTS))
        return f"{field}|{part}", draw(st.just(number) | st.just([number, 1]))
    if kind <= 4:
        return "|".join([field, *draw(ANCHORS), *draw(ENDS)]), draw(several(WILD))
    if kind == 5:
        ascii_only = st.text("ab0-/ ", min_size=1, max_size=4)
        return "|".join([field, *draw(ENCODINGS), *draw(ANCHORS)]), draw(several(ascii_only))
    if kind == 6:
        flags = draw(st.lists(st.sampled_from(["i", "m", "s"]), unique=True))
        return "|".join([field, "re", *flags]), draw(several(PATTERNS))
    if kind == 7:
        relation = draw(st.sampled_from(["gt", "gte", "lt", "lte"]))
        return f"{field}|{relation}", draw(NUMBERS)
    if kind == 8:
        other = draw(st.sampled_from(FIELDS))
        return draw(
            st.sampled_from(
                [
                    (f"{field}|exists", True),
                    (f"{field}|exists", False),
                    (f"{field}|fieldref", other),
                    (f"{field}|fieldref|startswith", other),
                    (f"{field}|fieldref|contains", other),
                    (f"{field}|expand", "%known%"),
                ]
            )
        )
    return draw(
        st.tuples(st.just(f"{field}|cidr"), several(NETWORKS))
        | st.tuples(st.just(field), several(NUMBERS | st.none() | st.booleans()))
    )


KEYWORDS = st.lists(WILD.filter(bool) | st.integers(0, 9), min_size=1, max_size=3)
KEYWORD_MAPS = st.fixed_dictionaries({"|all": KEYWORDS}) | st.fixed_dictionaries({"|re": several(PATTERNS)})
MAPS = st.lists(items(), min_size=1, max_size=3).map(dict)
DETECTIONS = MAPS | MAPS | st.lists(MAPS, min_size=1, max_size=2) | KEYWORDS | KEYWORD_MAPS
LEAVES = st.sampled_from(["sel_a", "sel_b", "other", "1 of sel_*", "all of sel_*", "1 of them", "all of them"])
CONDITIONS = st.recursive(
    LEAVES,
    lambda below: (
        below.map("not ({})".format)
        | st.tuples(below, below).map(lambda pair: f"({pair[0]}) and not {pair[1]}" if "(" not in pair[1] else pair[0])
        | st.tuples(below, below).map(lambda pair: f"{pair[0]} or ({pair[1]})")
        | st.tuples(below, below).map(lambda pair: f"({pair[0]}) and ({pair[1]})")
    ),
    max_leaves=4,
)
VALUES = (
    st.none()
    | PLAIN
    | PLAIN
    | WILD
    | st.integers(-2, 12).map(str)
    | ADDRESSES
    | st.sampled_from(["YQ==", "1.5", "true"])
    | TIMES
)
LISTS = st.lists(st.none() | PLAIN | TIMES, max_size=3)
OBJECTS = st.fixed_dictionaries(
    {}, optional={"a": PLAIN, "l": LISTS, "r": st.lists(st.fixed_dictionaries({}, optional={"b": PLAIN}), max_size=2)}
)
EVENTS = st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, VALUES), "l": LISTS, "o": OBJECTS})
TYPED = st.fixed_dictionaries({}, optional={"f": st.none() | NUMBERS, "g": st.none() | st.booleans(), "h": VALUES})


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A rule as YAML holds it."""
    detection = {"sel_a": draw(DETECTIONS), "sel_b": draw(DETECTIONS), "other": draw(DETECTIONS)}
    return {
        "title": "random",
        "logsource": {"product": "linux"},
        "detection": {**detection, "condition": draw(CONDITIONS)},
        "level": "low",
    }
