"""Measures how fast a model relearns the forget set: knowledge that was only suppressed returns at once."""
