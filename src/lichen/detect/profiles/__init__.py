"""Profiles: generative models of what is normal here and of what attacks look like (docs/profiles.md)."""
