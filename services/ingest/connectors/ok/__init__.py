"""Odnoklassniki: comments are read, and only read; whatever is to be done there, a person does."""
