"""Learn: who may teach what, what a verdict changes, and how it is taken back (docs/learning.md)."""
