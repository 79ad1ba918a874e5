"""The corpus kept in order: `python -m services.classifier corpus`."""
