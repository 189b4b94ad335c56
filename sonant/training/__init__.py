"""The engine: fit, optimisers, schedules, checkpoints, logs."""
