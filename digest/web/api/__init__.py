"""The programming interface: what the pages do, for programs with a key."""
