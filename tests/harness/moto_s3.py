"""An S3 server in memory (moto) whose conditional writes are atomic.

moto checks `If-Match` and then writes without a lock between the two, so mutating requests of
one path take turns here. Usage: moto_s3.py [--ignore-conditions] [--temporary-keys] [PORT]; prints
the port it listens on, and ends when its standard input closes. With the first option it is a
server that does not know conditional writes: each of them is done. With the second it hands out
keys for a few seconds (`temporary_keys.py`).
"""

import logging
import os
import sys
import threading
from collections import defaultdict

from moto.server import DomainDispatcherApplication, create_backend_app
from temporary_keys import TemporaryKeys
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

arguments = sys.argv[1:]
IGNORE_CONDITIONS = "--ignore-conditions" in arguments
port = next((int(text) for text in arguments if text.isdigit()), 0)
moto = DomainDispatcherApplication(create_backend_app)
guard = threading.Lock()
locks = defaultdict(threading.Lock)


def application(environ, start_response):
    """Runs one request; writes to the same path one after the other."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return moto(environ, start_response)
    if IGNORE_CONDITIONS:
        environ.pop("HTTP_IF_MATCH", None)
        environ.pop("HTTP_IF_NONE_MATCH", None)
    with guard:
        lock = locks[environ["PATH_INFO"]]
    with lock:
        return moto(environ, start_response)


class OneContinue(WSGIRequestHandler):
    """Says `100 Continue` once: werkzeug says it itself, so the base class must not."""

    def handle_expect_100(self):
        """Leaves the answer to werkzeug."""
        return True


def end_with_parent():
    """Ends the process when whoever started it is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


if "--temporary-keys" in arguments:
    application = TemporaryKeys(application)
threading.Thread(target=end_with_parent, daemon=True).start()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
# Hundreds of connections come at once; a client gives up one that waits for longer than 5 s.
BaseWSGIServer.request_queue_size = 1024
server = make_server("127.0.0.1", port, application, threaded=True, request_handler=OneContinue)
print(server.server_port, flush=True)
server.serve_forever()
