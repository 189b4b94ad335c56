"""Scores: one file per task, pure metric functions beside it."""
