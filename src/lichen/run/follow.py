"""Follow: read on as logs grow, in a thread, while the console serves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from lichen import assemble
from lichen.config import Settings
from lichen.core.desk import Desk
from lichen.run.desk import StoreDesk
from lichen.run.scan import pipeline_of


def serve(
    settings: Settings, follow: Sequence[Path], port: int, once: bool, *, console: Callable[[Desk], None]
) -> None:
    """Open the store's desk, read on what grows, and hand the desk to `console`, which blocks until it is closed.

    `once`: read what is there and end. A fault of the reader ends the console too, and is raised.
    """
    platform = assemble.open_platform(settings)
    with platform.store:
        pipeline = pipeline_of(platform)
        source = platform.source(list(follow), [], follow=not once) if follow else None
        if once:
            if source is not None:
                for _ in pipeline.run(source.read(platform.store.records.positions())):
                    pass
            return
        faults: list[BaseException] = []

        def read_on() -> None:
            try:
                if source is not None:
                    for _ in pipeline.run(source.read(platform.store.records.positions())):
                        pass
            except BaseException as fault:
                faults.append(fault)
                raise

        reader = threading.Thread(target=read_on, name="follow", daemon=True)
        reader.start()
        try:
            console(StoreDesk(platform))
        finally:
            if source is not None:
                source.stopping.set()
            reader.join(timeout=10)
        if faults:
            raise faults[0]
