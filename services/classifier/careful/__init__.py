"""The careful second reader: embeddings, the process that makes them, and what waits for it."""
