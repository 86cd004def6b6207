"""Infrastructure of a run: processes, precision, signals, checkpoints, loggers."""
