"""Channels and ids of event logs are the log sources that Sigma's rules name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError
from lichen.core.logsources import LogSources, load_logsources

WINDOWS = Path(__file__).parents[2] / "content" / "logsources" / "windows.yml"
SYSMON = "Microsoft-Windows-Sysmon/Operational"


@pytest.fixture(scope="module")
def windows() -> LogSources:
    return load_logsources(WINDOWS)


def test_a_sysmon_id_is_every_category_that_rules_have_for_it(windows: LogSources) -> None:
    offered = [source for source, _ in windows.of(SYSMON, 13)]
    assert offered == [
        LogSource("windows", "registry_event", "sysmon"),
        LogSource("windows", "registry_set", "sysmon"),
    ]


def test_rules_of_the_whole_channel_read_an_id_that_has_categories_too(windows: LogSources) -> None:
    wanted = LogSource("windows", None, "sysmon")
    for event_id in (1, 22, 255, 4242):
        assert any(source.offers(wanted) for source, _ in windows.of(SYSMON, event_id)), event_id


def test_security_4688_is_process_creation_under_sysmons_names_and_security_under_its_own(windows: LogSources) -> None:
    offered = dict(windows.of("Security", 4688))
    assert offered[LogSource("windows", "process_creation", None)]["NewProcessName"] == "Image"
    assert offered[LogSource("windows", None, "security")] == {}


def test_channels_are_told_apart_without_regard_to_case(windows: LogSources) -> None:
    assert windows.of(SYSMON.upper(), 1) == windows.of(SYSMON, 1) != ()


def test_an_unknown_channel_and_an_id_that_is_none_are_no_log_source(windows: LogSources) -> None:
    assert windows.of("Some/Channel", 1) == ()
    assert windows.of("Security", None) == windows.of("Security", 4242) != ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a\n", "keys"),
        ("logsources: [{channel: a}]\n", "channel, sources"),
        ("logsources: [{channel: a, sources: [], event_id: one}]\n", "no number"),
        ("logsources: [{channel: a, sources: [{colour: red}]}]\n", "not a log source"),
        ("logsources: [\n", "cannot be read"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_place_and_remedy(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "windows.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_logsources(path)
    assert fault in str(caught.value)
    assert str(path) in caught.value.place
    assert caught.value.remedy
