"""The health check of a container: ends with 0 when the service in it answers that it is ready."""

import os
import sys
import urllib.error
import urllib.request

port = os.environ[f"OTKLIK_{os.environ['OTKLIK_SERVICE'].upper()}_PORT"]
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=3) as answer:  # noqa: S310 - our own address
        sys.exit(answer.status != 200)
except (OSError, urllib.error.URLError) as error:
    sys.exit(f"not ready: {error}")
