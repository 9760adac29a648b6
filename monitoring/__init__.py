"""Watching the champion: what it sees and says now, held against what it saw and said when it was validated."""
