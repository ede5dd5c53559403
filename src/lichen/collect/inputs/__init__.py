"""Transports: where bytes come from, opened, cut into whole lines, and taken up again where they were left."""
