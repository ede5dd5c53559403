"""Public requests become training examples: kinds told apart, nothing of them on both sides."""

import csv
import io
import tarfile
from pathlib import Path

import pytest

from lichen.core.errors import InputError
from lichen.detect.classifiers.train import PUBLIC_SHARE, Examples, weighed
from lichen.run.public_sets import request_examples

CRS = """
tests:
  - stages:
      - input: {method: GET, uri: "/?id=1%20or%201=1"}
        output: {log: {expect_ids: [942100]}}
  - stages:
      - input: {method: POST, uri: "/post", data: "name=anna"}
        output: {log: {no_expect_ids: [942100]}}
  - stages:
      - input: {encoded_request: "R0VU"}
        output: {log: {expect_ids: [942100]}}
"""


def archive(path: Path, files: dict[str, str]) -> None:
    with tarfile.open(path, "w:xz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = io.StringIO()
    written = csv.writer(rows)
    written.writerows(
        [
            ("payload", "length", "attack_type", "label"),
            ("anna", 4, "norm", "norm"),
            ("both", 4, "norm", "norm"),
            ("both", 4, "sqli", "anom"),
            ("1' union select 7", 17, "sqli", "anom"),
        ]
    )
    archive(tmp_path / "03_httpparams.tar.xz", {"a/payload_train.csv": rows.getvalue(), "a/payload_test.csv": "x"})
    archive(
        tmp_path / "03_crs.tar.xz",
        {"r/REQUEST-942-APPLICATION-ATTACK-SQLI/942100.yaml": CRS, "r/REQUEST-920-PROTOCOL/920100.yaml": CRS},
    )
    return tmp_path


def test_each_request_has_its_kind_and_none_stands_on_both_sides(folder: Path) -> None:
    found = dict(request_examples(folder))
    assert found["http\nGET\n/\nq=0' union select 0"] == "sqli"
    assert found["http\nGET\n/\nid=0 or 0=0"] == "sqli"
    assert found["http\nPOST\n/post\nname=anna"] == "norm"
    assert not any("both" in text for text in found)
    assert len(found) == 4


def test_a_set_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="03_httpparams"):
        request_examples(tmp_path)


def test_public_texts_weigh_their_share_of_our_own_on_each_side() -> None:
    made = Examples({"ours": 4.0, "ours too": 16.0}, {"scan": {"probe": 1.0}})
    made.add_public("theirs", None)
    made.add_public("bad", "sqli")
    made.add_public("worse", "sqli")
    texts, labels, weights = weighed(made)
    weight = dict(zip(texts, weights / weights[texts.index("ours")] * 2, strict=True))
    assert weight["theirs"] == pytest.approx(PUBLIC_SHARE * 6)
    assert weight["bad"] + weight["worse"] == pytest.approx(PUBLIC_SHARE * 6)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())


def test_a_kind_left_out_leaves_out_the_public_kinds_like_it() -> None:
    made = Examples({"a": 1.0}, {"command-injection": {"b": 1.0}, "scan": {"c": 1.0}})
    made.add_public("d", "rce")
    made.add_public("e", "xss")
    left = made.without("command-injection", ("rce",))
    assert set(left.attack) == {"scan"}
    assert set(left.public_attack) == {"xss"}
