"""What a running service tells about itself: log lines and metrics (`shared.obs.metrics`)."""

from shared.obs.log import LogFormat, LogLevel, configure_logging

__all__ = ["LogFormat", "LogLevel", "configure_logging"]
