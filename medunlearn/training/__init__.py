"""How a run is carried out: processes, precision, signals, checkpoints, loggers."""
