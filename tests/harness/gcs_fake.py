"""A fake of Google Cloud Storage's XML API, in memory, with one lock around every request.

It has what Ochre's client uses: conditional puts by generation, conditional and partial reads,
listings, deletes. It shows that the client is used as that API says; it says nothing about
Google's service. Any bucket exists. Prints `ready URL` and ends when its standard input closes.
"""

import email.utils
import hashlib
import itertools
import os
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

LABELS = ("content-type", "cache-control", "content-encoding")

guard = threading.RLock()
objects = {}
generations = itertools.count(1_700_000_000_000_000)


class Stored:
    """One generation of one object."""

    def __init__(self, data, labels):
        self.data = data
        self.labels = labels
        self.generation = next(generations)
        digest = hashlib.md5(data + str(self.generation).encode())
        self.etag = f'"{digest.hexdigest()}"'
        self.modified = email.utils.formatdate(usegmt=True)

    def headers(self):
        return {
            "ETag": self.etag,
            "x-goog-generation": str(self.generation),
            "Last-Modified": self.modified,
            **self.labels,
        }


def listing(bucket, query):
    """The page that a listing asks for, as XML."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    after = query.get("continuation-token") or query.get("start-after", "")
    limit = int(query.get("max-keys", 1000))
    contents, prefixes, last = [], set(), None
    for (owner, key), stored in sorted(objects.items()):
        if owner != bucket or not key.startswith(prefix) or key <= after:
            continue
        if len(contents) == limit:
            break
        last = key
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            prefixes.add(prefix + rest.split(delimiter)[0] + delimiter)
            continue
        moment = email.utils.parsedate_to_datetime(stored.modified)
        contents.append(
            f"<Contents><Key>{escape(key)}</Key>"
            f"<LastModified>{moment.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</LastModified>"
            f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.data)}</Size></Contents>"
        )
    else:
        last = None
    parts = [
        *contents,
        *(f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in sorted(prefixes)),
    ]
    if last:
        parts.append(f"<NextContinuationToken>{escape(last)}</NextContinuationToken>")
    return f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Stays silent."""

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        bucket, _, key = urllib.parse.unquote(url.path.lstrip("/")).partition("/")
        with guard:
            if not key and self.command == "GET":
                return self.answer(200, listing(bucket, query))
            wanted = self.headers.get("x-goog-if-generation-match")
            current = objects.get((bucket, key))
            if wanted is not None and int(wanted) != (current.generation if current else 0):
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            if self.command == "PUT":
                labels = {k: v for k, v in self.headers.items() if k.lower() in LABELS}
                stored = objects[(bucket, key)] = Stored(body, labels)
                return self.answer(200, headers=stored.headers())
            if self.command == "DELETE":
                return self.answer(204 if objects.pop((bucket, key), None) else 404)
        if current is None:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self.read(current)

    def read(self, stored):
        headers = stored.headers()
        if self.headers.get("if-match") not in (None, stored.etag):
            return self.answer(412)
        if self.headers.get("if-none-match") == stored.etag:
            return self.answer(304, headers=headers)
        wanted = self.headers.get("range")
        if not wanted:
            return self.answer(200, stored.data, headers)
        first, last = wanted.removeprefix("bytes=").split("-")
        size = len(stored.data)
        first = int(first)
        last = min(int(last), size - 1) if last else size - 1
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return self.answer(206, stored.data[first : last + 1], headers)

    do_GET = do_PUT = do_DELETE = do_HEAD = handle_any


class Server(ThreadingHTTPServer):
    """Many connections at once."""

    daemon_threads = True
    request_queue_size = 128


def end_with_parent():
    """Ends the process when whoever started it is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
server = Server(("127.0.0.1", 0), Handler)
print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
