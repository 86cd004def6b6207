"""Chooses settings without a Retrain: search spaces, the study, its trials and their results."""
