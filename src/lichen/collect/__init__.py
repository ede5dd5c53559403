"""Bytes to batches: inputs (transports that resume), readers (a format each), mappings and the names of subjects."""
