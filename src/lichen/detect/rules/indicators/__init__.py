"""Indicators: addresses, networks, domains, URLs and hashes that are known to be bad, and the lists that say so."""

from lichen.detect.rules.indicators.entry import About, Entry, Kind
from lichen.detect.rules.indicators.lists import IndicatorList
from lichen.detect.rules.indicators.load import load_indicators

__all__ = ["About", "Entry", "IndicatorList", "Kind", "load_indicators"]
