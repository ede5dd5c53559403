"""Fuzzing: whatever bytes a person or an attacker hands over, a door answers within its bounds (docs/fuzzing.md)."""
