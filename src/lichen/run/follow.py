"""Follow: read on as logs grow, in a thread, while the console serves and the models learn on behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lichen import assemble
from lichen.assemble import Platform
from lichen.config import Settings
from lichen.core.batch import Delivery
from lichen.core.change import Overlay
from lichen.core.desk import Desk
from lichen.core.errors import InputError, LichenError
from lichen.run import advance, canary, silence, within
from lichen.run.desk import StoreDesk
from lichen.run.reload import Watched, reloaded
from lichen.run.scan import judging, pipeline_of

LOOK_SECONDS = 5.0  # between two looks whether other versions came into force
STEP_SECONDS = 300.0  # between two steps of learning; a step that took long is followed by twenty times as long
CANARY_SECONDS = 3600.0
COMPARE_SECONDS = 30.0  # between two comparisons of a store without a baseline, at least
LEAST_EVENTS = 2000  # that a step waits for, up to an hour
HOUR = 3_600_000_000  # µs

Say = Callable[[str], None]


def serve(
    settings: Settings,
    follow: Sequence[Path],
    port: int,
    once: bool,
    *,
    console: Callable[[Desk], None],
    say: Say = lambda words: None,
) -> None:
    """Open the store's desk, read on what grows, and hand the desk to `console`, which blocks until it is closed.

    `once`: read what is there, learn one step and end. A fault of the reader ends the console too, and is raised.
    """
    platform = assemble.open_platform(settings)
    with platform.store:
        for fault in platform.rules.rules.refused:
            say(f"refused: {fault}")
        following = Following(platform, follow, say)
        if once:
            following.read_once()
            return
        with following, _hanging_up(following.reload):
            console(following.desk)
        if following.faults:
            raise following.faults[0]


class Following:
    """A platform at work: a thread that reads, and one behind it that learns on and sends canaries."""

    def __init__(self, platform: Platform, follow: Sequence[Path], say: Say) -> None:
        for path in follow:
            if str(path) != "-" and not path.exists():
                raise InputError("no such file or folder", place=str(path), remedy="check the path and rights")
        self.platform, self.say = platform, say
        self.desk = StoreDesk(platform)
        self.faults: list[BaseException] = []
        self._paths = list(follow)
        self._pipeline = pipeline_of(platform)
        self._answers: tuple[Overlay, ...] = platform.store.answers.overlays()
        self._judging = platform
        self._versions = platform.store.models.current().versions
        self._compared: tuple[int, tuple[Overlay, ...]] | None = None
        self._compare_from = 0.0
        self._stopping, self._asked = threading.Event(), threading.Event()
        self._watched = Watched(platform)
        self._source = platform.source(self._paths, [], follow=True) if self._paths else None
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("follow", self._read_on), ("learn", self._behind))
        ]

    def __enter__(self) -> Following:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._source is not None:
            self._source.stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)
        silence.no_longer_followed(self.platform.store.folder)

    def read_once(self) -> None:
        """Read what is there, send the canaries and learn one step."""
        canary.send(self.platform)
        if self._paths:
            source = self.platform.source(self._paths, [])
            for _ in self._pipeline.run(source.read(self.platform.store.records.positions())):
                pass
        self._compare()
        self._told(lambda: self._step(least=1))

    def reload(self) -> None:
        """Read the rules again at the next look, changed or not."""
        self._asked.set()

    # reading

    def _read_on(self) -> None:
        try:
            if self._source is not None:
                deliveries = self._source.read(self.platform.store.records.positions())
                for _ in self._pipeline.run(self._judged_anew(deliveries)):
                    pass
        except LichenError as fault:
            self.faults.append(fault)
            self.say(f"nothing is read any more: {fault}")
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def _judged_anew(self, deliveries: Iterator[Delivery]) -> Iterator[Delivery]:
        """Deliveries, each judged by the versions and under the answers that are in force when it comes."""
        for delivery in deliveries:
            answers = self.platform.store.answers.overlays()
            if self.platform is not self._judging or answers != self._answers:
                self._judging, self._answers = self.platform, answers
                self._pipeline.renew(*judging(self._judging))
            yield delivery

    # behind

    def _behind(self) -> None:
        """Canaries at once and every hour, a step of learning every few minutes; a fault is told, and tried again."""
        next_canary, next_step = 0.0, time.monotonic() + STEP_SECONDS
        while True:
            self._told(self._adopt)
            self._told(self._look_at_rules)
            self._told(self._compare)
            silence.following(self.platform.store.folder, self._paths)
            if time.monotonic() >= next_canary:
                next_canary = time.monotonic() + CANARY_SECONDS
                self._told(lambda: canary.send(self.platform))
            if time.monotonic() >= next_step:
                begun = time.monotonic()
                self._told(self._step)
                next_step = time.monotonic() + max(STEP_SECONDS, 20 * (time.monotonic() - begun))
            if self._stopping.wait(LOOK_SECONDS):
                return

    def _told(self, work: Callable[[], object]) -> None:
        try:
            work()
        except LichenError as fault:
            self.say(str(fault))
        except Exception as fault:  # what runs behind must not end what reads
            self.say(f"a fault of ours while learning behind: {type(fault).__name__}: {fault}")

    def _step(self, least: int | None = None) -> None:
        last = advance.steps(self.platform, 1)
        overdue = not last or time.time_ns() // 1000 - last[0].time >= HOUR
        step = advance.advance(self.platform, least=(1 if overdue else LEAST_EVENTS) if least is None else least)
        if step.outcome in (advance.LEARNED, advance.REJECTED):
            self.say(step.words)
        self._adopt()

    def _compare(self) -> None:
        """Without a baseline nothing is believed as it comes: now and then all windows kept are compared with each
        other, as a scan does, so that rules and what stands out reach the queue all the same."""
        store = self.platform.store
        kept = store.records.counts()["events"], store.answers.overlays()
        if self.platform.models.decider is not None or kept == self._compared or time.monotonic() < self._compare_from:
            return
        if self._compared is None:
            self.say("no baseline yet: subjects are compared with each other; lichen learn teaches what is normal here")
        begun = time.monotonic()
        within.judge_all(self.platform)
        self._compared = kept
        self._compare_from = time.monotonic() + max(COMPARE_SECONDS, 4 * (time.monotonic() - begun))

    def _look_at_rules(self) -> None:
        """Judge by the rules as they are on disk; where those have a fault, the rules before stay and it is told."""
        changed, asked = self._watched.changed(self.platform), self._asked.is_set()
        self._asked.clear()
        if not changed and not asked:
            return
        before = self.platform.rules
        self.platform = reloaded(self.platform)
        self.desk.platform = self.platform
        rules = self.platform.rules
        if asked or rules.version != before.version:
            self.say(f"rules read again: {len(rules.rules.rules)} in force, {len(rules.rules.refused)} refused")

    def _adopt(self) -> None:
        """Judge by the versions in force, whoever put them there."""
        store = self.platform.store
        versions = store.models.current().versions
        if versions != self._versions:
            models = assemble.models_of(store, self.platform.settings.window_minutes)
            self.platform = replace(self.platform, models=models)
            self.desk.platform, self._versions = self.platform, versions


@contextmanager
def _hanging_up(reload: Callable[[], None]) -> Iterator[None]:
    """SIGHUP means `reload` meanwhile; only a program's main thread is told of signals, and some systems have none."""
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
