"""A test double of Odnoklassniki."""

from deploy.standins.ok.standin import ACCESS_TOKEN, APPLICATION_KEY, APPLICATION_SECRET, OkStandin

__all__ = ["ACCESS_TOKEN", "APPLICATION_KEY", "APPLICATION_SECRET", "OkStandin"]
