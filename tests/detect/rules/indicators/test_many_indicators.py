"""The benchmark of five million indicators, in small: no answer differs from a naive look-up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "indicators.py"


def test_ten_thousand_indicators_answer_as_a_naive_look_up_does() -> None:
    words = [sys.executable, str(BENCHMARK), "--scale", "0.002"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120)
    compared = re.findall(r"([\d,]+) against a naive look-up: (\d+) differ", ended.stdout)
    assert len(compared) == 4, ended.stderr
    assert all(int(count.replace(",", "")) > 5000 and differ == "0" for count, differ in compared)
