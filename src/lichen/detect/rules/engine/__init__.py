"""The engine over raw JSON lines: route first, decode little, judge each distinct thing once.

`LineEngine(rules, routes).hits(buffer)` says where which rule fires. docs/engine.md tells how, and how fast.
"""

from lichen.detect.rules.engine.lines import Hits, LineEngine
from lichen.detect.rules.engine.routes import GivenRoutes, Reading, Route, WindowsRoutes

__all__ = ["GivenRoutes", "Hits", "LineEngine", "Reading", "Route", "WindowsRoutes"]
