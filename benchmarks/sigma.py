"""The engine over raw JSON lines, beside JSON decoding alone and other engines: `sigma_lines` does the work.

pySigma's package is called `sigma` too and has no `__init__`, so a file of this name beside a script would hide it:
imported as a module, this file is pySigma's package.
"""

import pkgutil
import sys

if __name__ == "__main__":
    from sigma_lines import main

    sys.exit(main())

__path__ = pkgutil.extend_path([], __name__)
