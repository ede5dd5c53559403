"""Lichen: threat detection in which signatures and machine learning live as one organism."""

__version__ = "0.1.0"
