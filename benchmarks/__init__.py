"""Measurements of speed and memory, beside what the project claims to beat, in the same run."""
