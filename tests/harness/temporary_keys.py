"""Keys for a short time, as a container's or pod's role gets them, before an S3 server.

`GET /~keys` with the token `pod` answers a new key, `GET /~keys/issued` how many there were, and
`POST /~keys/withdraw` withdraws all but the last two. A request that is signed with a key of
another number, or without the session token of its key, is refused as S3 refuses it.
"""

import json
import re
import threading
from datetime import datetime, timedelta, timezone

# Clients ask for another key when theirs is valid for less than five minutes.
VALID_FOR = timedelta(minutes=5, seconds=1)

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>"


class TemporaryKeys:
    """The application that hands out keys, and checks them before another application."""

    def __init__(self, application):
        self.application = application
        self.guard = threading.Lock()
        self.issued = 0
        self.oldest = 1

    def __call__(self, environ, start_response):
        """Answers what is about keys, refuses, or lets the other application answer."""
        path = environ["PATH_INFO"]
        with self.guard:
            if path.startswith("/~keys"):
                status, answer = self.about_keys(path, environ)
            elif self.is_refused(environ):
                status, answer = "400 Bad Request", EXPIRED
            else:
                status = None
        if status is None:
            return self.application(environ, start_response)
        start_response(status, [("Content-Length", str(len(answer)))])
        return [answer]

    def about_keys(self, path, environ):
        """A new key, how many there were, or the end of the old ones."""
        if path == "/~keys/issued":
            return "200 OK", str(self.issued).encode()
        if path == "/~keys/withdraw":
            self.oldest = max(1, self.issued - 1)
            return "200 OK", b""
        if environ.get("HTTP_AUTHORIZATION") != "pod":
            return "401 Unauthorized", b""
        self.issued += 1
        key = {
            "AccessKeyId": f"key-{self.issued}",
            "SecretAccessKey": "secret",
            "Token": f"session-{self.issued}",
            "Expiration": (datetime.now(timezone.utc) + VALID_FOR).isoformat(),
        }
        return "200 OK", json.dumps(key).encode()

    def is_refused(self, environ):
        """Whether a temporary key is withdrawn, or is used without its session."""
        signature = environ.get("HTTP_AUTHORIZATION", "")
        used = re.search(r"Credential=key-(\d+)/", signature)
        if not used:
            return False
        session = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
        return int(used[1]) < self.oldest or session != f"session-{used[1]}"
