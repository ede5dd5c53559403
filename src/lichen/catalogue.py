"""What there is, by name: the detectors that learn, and the content that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lichen.core.errors import ConfigError
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.rates import RateProfile
from lichen.detect.profiles.uses import USES

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent.parent


def content(name: str) -> Path:
    """A folder or file of `content/`: beside the package where it is installed, beside `src` in a checkout.

    Raises ConfigError where it is in neither place.
    """
    for top in (_HERE / "content", _ROOT / "content"):
        if (top / name).exists():
            return top / name
    raise ConfigError(f"content/{name} is missing", place=str(_HERE), remedy="install the whole package again")


def lab() -> Path:
    """The folder of the lab's recordings; they come with the checkout, not with the package. Raises ConfigError."""
    folder = _ROOT / "lab"
    if not (folder / "estate.yml").exists():
        raise ConfigError("no lab recordings", place=str(folder), remedy="run this from a clone of the repository")
    return folder


def profiles(minutes: int) -> dict[str, Any]:
    """Every profile, empty: detector name -> learner."""
    empty: list[Any] = [Profile(use, minutes) for use in USES.values()]
    empty.append(RateProfile(minutes))
    return {profile.name: profile for profile in empty}


def load_profile(name: str, folder: Path) -> Any:
    """A saved profile of the given detector name. Raises ModelError."""
    return RateProfile.load(folder) if name == "profile.rate" else Profile.load(folder)


def priors_file() -> Path:
    """The priors, beside the content. Raises ConfigError."""
    for place in (_HERE / "content" / "priors.yml", _ROOT / "settings" / "priors.yml"):
        if place.exists():
            return place
    raise ConfigError("settings/priors.yml is missing", place=str(_HERE), remedy="install the whole package again")
