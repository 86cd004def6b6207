"""Choosing settings without a Retrain: search spaces, the study, its trials, and what comes of them."""
