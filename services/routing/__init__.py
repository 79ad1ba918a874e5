"""Routing: brings each comment that needs an answer to the institution that must give it, and keeps its history."""
