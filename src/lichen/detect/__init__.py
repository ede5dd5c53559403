"""Batches to evidence: rules, profiles and classifiers, each saying what it saw and none what it is worth."""
