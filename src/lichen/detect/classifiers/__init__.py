"""Discriminative models: what known attacks look like, against what is known to be benign."""
