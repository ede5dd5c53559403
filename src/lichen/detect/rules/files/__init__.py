"""Files: YARA rules, hash lists, and a baseline of how system binaries are."""

from lichen.detect.rules.files.baseline import Baseline, Kept
from lichen.detect.rules.files.reading import Limits, files_below
from lichen.detect.rules.files.scan import Scanned, scan_files
from lichen.detect.rules.files.yara import YaraRules, load_yara

__all__ = ["Baseline", "Kept", "Limits", "Scanned", "YaraRules", "files_below", "load_yara", "scan_files"]
