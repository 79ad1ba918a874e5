"""What a running service tells about itself: log lines and metrics."""
