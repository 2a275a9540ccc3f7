#!/usr/bin/env python3
"""Measures how long after the answer to a publish its release is visible on other nodes.

Starts registries on one store, publishes versions of one component through the first, and listens
to `~events` of the others; when the last release is told, a range must resolve to it on every
node. Runs without and with Redis, on a folder and, with --moto, on an S3 server:

    cargo build --release -p ochre-registry
    loadtest/propagation.py --registry target/release/ochre-registry --moto tests/.tools/python/bin/python
"""

import argparse, http.client, json, pathlib, random, shutil, statistics
import subprocess, sys, tempfile, threading, time

import scale


def redis():
    """Settings of a Redis that was started for this measurement."""
    port = scale.free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    process = scale.started(command, stdout=subprocess.DEVNULL)
    return process, {"OCHRE__REDIS__URL": f"redis://127.0.0.1:{port}"}


class Listener(threading.Thread):
    """Notes when a node tells of a version."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.seen = {}
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=600)
        connection.request("GET", "/~events")
        self.stream = connection.getresponse()
        if self.stream.status != 200:
            sys.exit(f"~events: {self.stream.status}")
        self.start()

    def run(self):
        try:
            for line in self.stream:
                if line.startswith(b"data: ") and b'"version"' in line:
                    version = json.loads(line[len(b"data: ") :])["version"]
                    self.seen.setdefault(version, time.monotonic())
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # the node has ended


def measure(arguments, store, settings, work):
    """Milliseconds for each publish and each other node."""
    with open(work / "log", "a") as log:
        settings = settings | {"OCHRE__SYNC__POLL_INTERVAL": arguments.poll}
        nodes = [scale.Node(arguments.registry, store, log, settings) for _ in range(arguments.nodes)]
        nodes[0].publish("measured", "0.0.1")
        listeners = [Listener(node) for node in nodes[1:]]
        answered = {}
        for number in range(arguments.publishes):
            version = f"1.0.{number}"
            nodes[0].publish("measured", version)
            answered[version] = time.monotonic()
            time.sleep(random.uniform(0, 2 * arguments.pause))
        deadline = time.monotonic() + 120
        while any(answered.keys() - listener.seen.keys() for listener in listeners):
            if time.monotonic() > deadline:
                sys.exit(f"not told: {[len(listener.seen) for listener in listeners]}")
            time.sleep(0.05)
        wanted = f'"version":"1.0.{arguments.publishes - 1}"'.encode()
        for number, node in enumerate(nodes):
            status, body = node.get("/measured/1.x.x")
            if wanted not in body:
                sys.exit(f"node {number} was told {wanted} and answers {status} {body[:500]}")
        for node in nodes:
            node.stop()
    return [
        max(0.0, (listener.seen[version] - at) * 1000)
        for version, at in answered.items()
        for listener in listeners
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", required=True, help="the executable ochre-registry")
    parser.add_argument("--moto", help="a Python with moto: measures on its S3 server too")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--publishes", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.25, help="mean seconds between publishes")
    parser.add_argument("--poll", default="5s", help="sync.poll_interval")
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="ochre-propagation-"))
    print(f"{'store':8}{'Redis':8}{'samples':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name in ["folder"] + (["s3"] if arguments.moto else []):
        for with_redis in [False, True]:
            folder = work / f"{name}-{with_redis}"
            store = scale.Bucket(arguments.moto) if name == "s3" else scale.Folder(folder)
            server, settings = redis() if with_redis else (None, {})
            times = sorted(measure(arguments, store, settings, work))
            for process in filter(None, [server, getattr(store, "process", None)]):
                process.kill()
            p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
            told = "yes" if with_redis else "no"
            row = f"{name:8}{told:8}{len(times):9}{p50:9.0f}{p99:9.0f}{times[-1]:9.0f}"
            print(row, flush=True)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
