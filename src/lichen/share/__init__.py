"""Share: what was found and confirmed becomes a signature that anyone can run (docs/signatures.md)."""
