"""The pages, a file each: `router(console)` gives what a page answers to."""
