"""Training, offline: reads labelled comments, fits the heads, measures them, writes the model; serving needs none."""
