"""Replays files of comments into a running ingest, over HTTP, at any speed and from where it last stopped."""
