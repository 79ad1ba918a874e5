"""The health check of a container: ends with 0 when the service in it answers that it is ready."""

import os
import sys
import urllib.request

port = os.environ[f"OTKLIK_{os.environ['OTKLIK_SERVICE'].upper()}_PORT"]
try:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says
    with direct.open(f"http://127.0.0.1:{port}/readyz", timeout=3) as answer:
        sys.exit(answer.status != 200)
except OSError as error:
    sys.exit(f"not ready: {error}")
