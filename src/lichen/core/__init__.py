"""The nouns and the doors: what every wing shares, and nothing of ours is imported here."""
