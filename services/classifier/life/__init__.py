"""Versions of the model: stored, promoted, shadowed, watched."""
