"""How well the detectors do, measured on recorded sessions with ground truth (docs/evaluation.md)."""
