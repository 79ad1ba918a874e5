"""People who label comments: `python -m services.classifier label` and `agreement`."""
