"""Plans of several stages: selection, order and engines."""
