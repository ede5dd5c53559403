"""Case folding: Sigma compares without regard to case, and not only in ASCII."""

from __future__ import annotations

from functools import cache

_CASED_PLANES = 0x1F000  # no character beyond this code point has a case (Unicode 16)


@cache
def _folds() -> dict[int, int]:
    """Simple case folding (Unicode `CaseFolding.txt`, C and S): one character to one, so that `?` keeps its meaning."""
    folds = {}
    for code in range(_CASED_PLANES):
        character = chr(code)
        folded = next((text for text in (character.casefold(), character.lower()) if len(text) == 1), character)
        if folded != character:
            folds[code] = ord(folded)
    return folds


def fold(text: str) -> str:
    """`text` as it is compared without regard to case; as long as before."""
    return text.lower() if text.isascii() else text.translate(_folds())
