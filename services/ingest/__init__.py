"""Ingest: takes in what was written on official pages and makes it durable; it judges nothing."""
