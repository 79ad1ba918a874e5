"""`python -m shared.obs` prints the documentation of all metrics."""

from shared.obs.document import metrics_document

print(metrics_document(), end="")  # noqa: T201 - this command's purpose
