"""The loop on one machine: read, judge, keep, tell; and the lab's recordings replayed through the same pieces."""
