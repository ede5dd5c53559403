"""Which detectors say the same thing: groups, the families that people read, and the arms that are compared."""

from __future__ import annotations

from lichen.core.errors import ModelError

RULES, EXEC, NET, RATE, CLASSIFIER, WIDTH = "rules", "exec", "net", "rate", "classifier", "width"
MODEL_GROUPS = (EXEC, NET, RATE, CLASSIFIER)
GROUPS = (RULES, *MODEL_GROUPS)
TERMS = (*GROUPS, WIDTH)  # the columns of the head, in the order in which the ledger adds them
NORMAL_GROUPS = (EXEC, NET, RATE)  # what is normal here; one cause counts once over them

FAMILY = {RULES: "rules", EXEC: "normal", NET: "normal", RATE: "normal", CLASSIFIER: "attacks", WIDTH: "width"}

GROUP_OF_PROFILE = {
    "process": EXEC,
    "pair": EXEC,
    "path": EXEC,
    "destination": NET,
    "route": NET,
    "sequence": NET,
    "rate": RATE,
    "rates": RATE,
}
WIDE = ("profile.process", "profile.path", "profile.destination")  # whose new values make the width

ARMS: dict[str, frozenset[str]] = {
    "rules": frozenset({RULES}),
    "generative": frozenset(NORMAL_GROUPS),
    "discriminative": frozenset({CLASSIFIER}),
    "all": frozenset(GROUPS),
}


def group_of(detector: str) -> str | None:
    """The group of a detector; None for rules in shadow, which are watched and never weighed.

    Raises ModelError for a name that belongs nowhere: evidence is never dropped in silence.
    """
    if detector.startswith(("rule:", "indicator:")):
        return RULES
    if detector.startswith("shadow:"):
        return None
    if detector.startswith("classifier."):
        return CLASSIFIER
    if detector.startswith("profile."):
        group = GROUP_OF_PROFILE.get(detector.split(".")[1])
        if group is not None:
            return group
    raise ModelError(
        "no group for this detector, so its evidence cannot be weighed",
        place=detector[:200],
        remedy=f"name it rule:…, indicator:…, classifier.… or profile.{{{', '.join(GROUP_OF_PROFILE)}}}",
    )


def arm_named(name: str) -> frozenset[str]:
    """The groups of an arm. Raises ModelError on an unknown name."""
    if name not in ARMS:
        raise ModelError(f"{name!r} is no arm", remedy=f"one of {', '.join(ARMS)}")
    return ARMS[name]
