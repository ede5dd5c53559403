"""Odds, factors, shares and times in the words that a person reads; natural logarithms go in, never come out."""

from __future__ import annotations

import math

from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS, Belief
from lichen.core.time import DAY, MICROSECONDS, to_datetime

EVEN_NATS = math.log(1.25)
MINUTE, HOUR = 60 * MICROSECONDS, 3600 * MICROSECONDS

ANSWERS = {
    "malicious": "Malicious",
    "benign-expected": "Expected here",
    "detector-wrong": "Detector is wrong",
    "unsure": "Not sure",
}
FAMILIES = {"rules": "rules", "normal": "what is normal here", "attacks": "what attacks look like"}
NEUTRAL = {"width": "how much is new at once", "head": "learned weights", "cap": "bounds what is shown"}
SOURCES = {"rule": "rule", "indicator": "list", "profile": "profile", "classifier": "classifier"}


def number(value: float) -> str:
    """A positive number to about two digits: 1.6, 18, 290, 1,200."""
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    if value < 99.5:
        return f"{value:.0f}"
    digits = 10 ** (int(math.log10(value)) - 1)
    return f"{round(value / digits) * digits:,}"


def odds(nats: float) -> str:
    """Odds of log-odds, in nats: "33 to 1", "even", "1 to 20"."""
    nats = max(-700.0, min(700.0, nats))
    if abs(nats) < EVEN_NATS:
        return "even"
    return f"{number(math.exp(nats))} to 1" if nats > 0 else f"1 to {number(math.exp(-nats))}"


def likelihood(nats: float) -> str:
    """How likely, in words: from "very unlikely" to "all but certain"."""
    if abs(nats) < math.log(1.5):
        return "as likely as not"
    bounds = ((math.log(10), ""), (math.log(100), "very "), (math.inf, ""))
    strength = next(word for bound, word in bounds if abs(nats) < bound)
    if abs(nats) >= math.log(100):
        return "all but certain" if nats > 0 else "all but excluded"
    return f"{strength}likely" if nats > 0 else f"{strength}unlikely"


def chance(nats: float) -> str:
    """The probability of log-odds as a person says it: "1 in 4", "9 in 10", "33 to 1" where it is nearly sure."""
    nats = max(-700.0, min(700.0, nats))
    if nats <= 0:
        return f"1 in {number(1 + math.exp(-nats))}"
    share = 1 / (1 + math.exp(-nats))
    return f"{round(10 * share)} in 10" if share < 0.92 else odds(nats)


def factor(nats: float) -> str:
    """What multiplies the odds: "× 18", "÷ 1.6"."""
    if abs(nats) < 0.005:
        return "× 1"
    return f"× {number(math.exp(min(700.0, nats)))}" if nats > 0 else f"÷ {number(math.exp(min(700.0, -nats)))}"


def times_usual(belief: Belief) -> str:
    """The evidence told apart from the base rate: "about 290 times the usual odds; with one attacked window in 1,000
    that is 1 in 4"."""
    start = sum(line.nats for line in belief.ledger if line.family == "start")
    weighed = belief.shown_log_odds - start
    much = number(math.exp(min(700.0, abs(weighed))))
    told = f"about {much} times the usual odds" if weighed >= 0 else f"the usual odds divided by {much}"
    base = f"with one attacked window in {number(1 + math.exp(min(700.0, -start)))}"
    return f"{told}; {base} that is {chance(belief.shown_log_odds)}"


def once_in(probability: float, minutes: int) -> str:
    """How rarely one subject shows as much: "once in 900 days". `probability` is that of a window of `minutes`."""
    between = minutes / max(probability, 1e-12)
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if between >= length:
            many = number(between / length)
            return f"once in {many} {unit}{'' if many == '1' else 's'}"
    return "at any time"


def age(elapsed_us: int) -> str:
    """How long ago: "2 s", "4 min", "3 h", "5 days"."""
    if elapsed_us < MINUTE:
        return f"{max(0, elapsed_us) // MICROSECONDS} s"
    if elapsed_us < HOUR:
        return f"{elapsed_us // MINUTE} min"
    if elapsed_us < 2 * DAY:
        return f"{elapsed_us // HOUR} h"
    return f"{elapsed_us // DAY:,} days"


def span(first_us: int, last_us: int) -> str:
    """When, in UTC: "Tue 24 Nov, 14:02 – 14:05 UTC"."""
    first, last = to_datetime(first_us), to_datetime(last_us)
    begun = f"{first:%a} {first.day} {first:%b}, {first:%H:%M}"
    if first.date() != last.date():
        return f"{begun} – {last:%a} {last.day} {last:%b}, {last:%H:%M} UTC"
    ended = f"{last:%H:%M}"
    return f"{begun} UTC" if begun.endswith(ended) else f"{begun} – {ended} UTC"


def moment(time_us: int) -> str:
    """One time, in UTC: "24 Nov 2026, 14:02 UTC"."""
    at = to_datetime(time_us)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def share(part: float) -> str:
    """A share: "96 %", "< 1 %"."""
    return "< 1 %" if 0 < part < 0.005 else f"{100 * part:.0f} %"


def counted(many: int, thing: str, things: str = "") -> str:
    """A count with its noun: "1 event", "7 events", "1,204 events"."""
    return f"{many:,} {thing if many == 1 else things or thing + 's'}"


def sentence(words: str) -> str:
    """Words with a capital first letter."""
    return words[:1].upper() + words[1:]


def detector(name: str) -> str:
    """Where evidence comes from: `profile.process` is "profile · process"; a rule's id stands short."""
    kind, mark, rest = name.partition(":") if ":" in name else name.partition(".")
    if not mark:
        return name
    return f"{SOURCES.get(kind, kind)} · {rest if len(rest) <= 24 else rest[:8] + '…'}"


def state(status: str) -> str:
    """The state of an alert in words."""
    return "to answer" if status == "open" else ANSWERS.get(status, status).lower()


def strength(alert: Alert, minutes: int) -> str:
    """How strong an alert is in its own lane: odds in the malicious one, rarity in the unusual one."""
    return odds(alert.beliefs[0].shown_log_odds) if alert.lane == MALICIOUS else rarity(alert, minutes)


def rarity(alert: Alert, minutes: int) -> str:
    """What an alert of the unusual lane says of itself: "once in 900 days"."""
    strongest = alert.beliefs[0]
    return once_in(strongest.unusual_p, minutes) if strongest.unusual_p < 1 else "rarity not measured"
