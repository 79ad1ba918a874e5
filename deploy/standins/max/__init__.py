"""The stand-in for MAX: one channel with comments under its posts, and one bot in it. A test double."""

from deploy.standins.max.standin import MaxStandin

__all__ = ["MaxStandin"]
