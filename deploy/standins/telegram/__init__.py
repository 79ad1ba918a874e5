"""The stand-in for Telegram: one channel with its discussion group, and one bot in it. A test double."""

from deploy.standins.telegram.standin import TelegramStandin

__all__ = ["TelegramStandin"]
