"""The recorder: sets up the estate, plays a scenario in it, collects what the sensors saw, leaves nothing behind."""
