"""Sources: the communities, channels and groups that comments come from, with their credentials and their health."""
