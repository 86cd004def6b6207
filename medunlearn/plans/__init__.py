"""Plans of several stages: what runs, in which order, where."""
