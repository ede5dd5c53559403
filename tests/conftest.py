"""The same commit gives the same verdict: property tests draw the same examples every time.

To look further than that: `HYPOTHESIS_PROFILE=explore make test` draws new ones.
"""

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
