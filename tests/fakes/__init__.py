"""Stand-ins for what the project talks to: in memory, and able to fail in the ways the real ones do."""
