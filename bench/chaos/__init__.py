"""Jobs by the thousand while something breaks, and the proof afterwards that nobody lost anything by it."""
