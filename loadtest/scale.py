#!/usr/bin/env python3
"""Measures how a registry's start, polls, publishes and lists grow with the catalog.

Writes a store with the manifests of SIZE components x VERSIONS versions (the same for the same
numbers; of each component the newest `package.json`, and nothing else has files but what is
published while measuring), has it upgraded to a log, starts two registries on it and prints one
column for each size. Needs Python alone; with `--s3` one with moto, for a store in its memory:

    cargo build --release -p ochre-registry
    loadtest/scale.py --registry target/release/ochre-registry --sizes 1000,10000,100000
    loadtest/scale.py --registry target/release/ochre-registry --sizes 1000 --s3 tests/.tools/python/bin/python
"""

import argparse, atexit, http.client, io, json, os, pathlib, shutil, signal, socket, statistics
import subprocess, sys, tarfile, tempfile, time

KEY = "0123456789abcdef0123456789abcdef01234567"
VIEW = (
    "var oc=oc||{};oc.components=oc.components||{};oc.components['KEY']=function(model){"
    "oc.es6Components=oc.es6Components||{};oc.es6Components['KEY']=function(props,element){"
    "element.innerHTML='<p>Hello</p>';};if(!model)return;return model.__html||'';};"
).replace("KEY", KEY)
EPOCH = 1_700_000_000_000
POLL = 1.0
IDLE = {"OCHRE__DISCOVERY__UI": "false", "OCHRE__STORAGE__NODE_REGISTRIES": "false"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(command, **options):
    """A process that ends with this one."""
    process = subprocess.Popen(command, **options)
    atexit.register(process.kill)
    return process


def versions_of(component, count):
    """Dates and sizes differ, as they do in a registry that has grown."""
    for number in range(count):
        text = f"{1 + number // 10}.{number % 10}.{component % 7}"
        details = {"publishDate": EPOCH + (component * 7919 + number * 104729) % 31_536_000_000}
        details["templateSize"] = 900 + (component * 31 + number * 17) % 40_000
        yield text, details


class Folder:
    """A store in a folder."""

    INDEX = f"components.ochre/index/{1:020}"

    def __init__(self, path):
        self.path = path
        if path.exists():
            shutil.rmtree(path)

    def settings(self):
        return {"OCHRE__STORAGE__PATH": str(self.path)}

    def write(self, key, text):
        place = self.path / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def read(self, key):
        return (self.path / key).read_text()


class Bucket:
    """A bucket of an S3 server that lives in memory and ends with this process."""

    INDEX = "components.ochre/index"
    SIGNED = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, "
    HEADERS = {"Authorization": SIGNED + "SignedHeaders=host, Signature=none"}

    def __init__(self, python):
        script = pathlib.Path(__file__).parent.parent / "tests" / "harness" / "moto_s3.py"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = started([python, script], stderr=subprocess.DEVNULL, **pipes)
        self.port = int(self.process.stdout.readline())
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.ask("PUT", "")

    def settings(self):
        values = {"backend": "s3", "bucket": "scale", "allow_http": "true"}
        values |= {"access_key_id": "test", "secret_access_key": "test"}
        values["endpoint"] = f"http://127.0.0.1:{self.port}"
        return {f"OCHRE__STORAGE__{key.upper()}": value for key, value in values.items()}

    def ask(self, method, key, body=None):
        self.connection.request(method, f"/scale/{key}", body, self.HEADERS)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {key}: {answer.status} {text[:300]}")
        return text

    def write(self, key, text):
        self.ask("PUT", key, text.encode())

    def read(self, key):
        return self.ask("GET", key).decode()


def generate(store, components, versions, bare):
    """Writes the manifests that a registry of this size has, and what its lists read."""
    index, listed, described = {}, {}, {}
    for number in range(components):
        name = f"team-{number % 97:02}-component-{number:06}"
        all_versions = dict(versions_of(number, versions))
        described[name] = all_versions
        listed[name] = list(all_versions)
        state = {0: "deprecated", 1: "experimental"}.get(number % 50)
        index[name] = {v: d | ({"state": state} if state else {}) for v, d in all_versions.items()}
        newest = listed[name][-1]
        if not bare:
            store.write(f"components/{name}/{newest}/package.json", package_json(name, newest))
    edited = EPOCH + 40_000_000_000

    def write(key, value):
        text = json.dumps(value, separators=(",", ":"))
        store.write(key, text)
        return len(text) / 1e6

    shared = write("components/components.json", {"lastEdit": edited, "components": listed})
    details = {"lastEdit": edited, "components": described}
    shared += write("components/components-details.json", details)
    head = {"format": 1, "generation": 1, "lastEdit": edited, "components": index}
    write(store.INDEX, head)
    return shared


class Node:
    """One registry, and what the system says of it."""

    def __init__(self, binary, store, log, settings=()):
        self.port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "OCHRE__SYNC__POLL_INTERVAL": f"{int(POLL * 1000)}ms",
            "OCHRE__SAMPLES__PUBLISH": "false",
            "OCHRE__HTTP__DRAIN_DELAY": "0s",
            "OCHRE__HTTP__CONNECTIONS_MAX": "1000",
        } | store.settings() | dict(settings)
        self.started = time.monotonic()
        command = [binary, "--listen", f"127.0.0.1:{self.port}"]
        self.process = started(command, env=environment, stdout=log, stderr=log)
        self.connection = None
        self.start = self.wait(lambda: self.get("/~ready")[0] == 200, 600) - self.started

    def wait(self, condition, bound):
        deadline = time.monotonic() + bound
        while True:
            try:
                if condition():
                    return time.monotonic()
            except (OSError, http.client.HTTPException):  # it does not listen yet
                self.connection = None
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the registry on port {self.port} did not get there")
            time.sleep(0.005)

    def get(self, path, accept="application/json"):
        for _ in range(2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            try:
                self.connection.request("GET", path, headers={"Accept": accept})
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except http.client.RemoteDisconnected:
                # The server lets idle connections go.
                self.connection = None
        sys.exit(f"{path}: no answer")

    def timed(self, path, accept="application/json"):
        begun = time.monotonic()
        status, body = self.get(path, accept)
        if status != 200:
            sys.exit(f"{path}: {status} {body[:200]}")
        return (time.monotonic() - begun) * 1000, body

    def publish(self, name, version):
        body, kind = upload(name, version)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        begun = time.monotonic()
        connection.request("PUT", f"/{name}/{version}", body, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"publish: {answer.status} {text[:300]}")
        return (time.monotonic() - begun) * 1000

    def memory(self):
        fields = dict(line.split(":", 1) for line in open(f"/proc/{self.process.pid}/status"))
        return [int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def polls(self):
        """Reads of the store until now, whatever they found."""
        lines = self.get("/~metrics")[1].decode().splitlines()
        calls = [line for line in lines if line.startswith("ochre_store_requests_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in calls)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


def package_json(name, version):
    """What `package.json` of a small component says."""
    template = {"type": "oc-template-es6", "hashKey": KEY, "src": "template.js", "version": "2.0.0"}
    oc = {"files": {"template": template, "static": []}, "parameters": {}, "version": "0.50.44"}
    manifest = {"name": name, "version": version, "description": f"The component {name}"}
    manifest |= {"author": "A Team <team@example.com>", "keywords": ["scale", name[:7]]}
    return json.dumps(manifest | {"oc": oc | {"packaged": True, "date": EPOCH}})


def upload(name, version):
    """A multipart form with the package of a small component."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in (("package.json", package_json(name, version)), ("template.js", VIEW)):
            entry = tarfile.TarInfo(f"_package/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    head = f'--x\r\nContent-Disposition: form-data; name="p.tar.gz"; filename="p.tar.gz"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    body = head.encode() + packed.getvalue() + b"\r\n--x--\r\n"
    return body, "multipart/form-data; boundary=x"


def median(values):
    return statistics.median(values)


def idle_poll(node, seconds):
    """CPU and reads of the store for each poll, beside nothing else."""
    cpu, calls = node.cpu(), node.polls()
    time.sleep(seconds)
    polls = seconds / POLL
    return (node.cpu() - cpu) * 1000 / polls, (node.polls() - calls) / polls


def measure(arguments, components, work):
    store = Bucket(arguments.s3) if arguments.s3 else Folder(work / "store")
    row = {"components": components}
    row["shared MB"] = generate(store, components, arguments.versions, arguments.bare)
    command = [arguments.registry, "store", "upgrade"]
    subprocess.run(command, env=os.environ | store.settings(), check=True, stdout=subprocess.DEVNULL)
    with open(work / "log", "w") as log:
        first = Node(arguments.registry, store, log)
        row["start s"] = first.start
        row["start CPU s"] = first.cpu()
        row["start RSS MB"], row["start peak MB"] = first.memory()
        # A node that does nothing but poll: no descriptions to read, nobody else who writes.
        idle = Node(arguments.registry, store, log, IDLE)
        time.sleep(5 * POLL)
        row["idle poll CPU ms"], row["idle poll reads"] = idle_poll(idle, arguments.idle)
        idle.stop()
        other = Node(arguments.registry, store, log)
        time.sleep(2 * POLL)
        base = other.cpu()
        row["first publish ms"] = first.publish("real", "1.0.0")
        own = first.cpu()
        row["publish ms"] = median([first.publish("real", f"1.0.{n}") for n in range(1, 11)])
        seen = []
        for number in range(5):
            version = f"1.1.{number}"
            first.publish("real", version)
            begun = time.monotonic()
            wanted = f'"version":"{version}"'.encode()
            is_seen = lambda: wanted in other.get("/real/1.x.x")[1]
            seen.append((other.wait(is_seen, 300) - begun) * 1000)
        row["visible ms"] = median(seen)
        time.sleep(arguments.idle)
        row["CPU of 16 publishes, publisher ms"] = (first.cpu() - own) * 1000
        row["CPU of 16 publishes, other node ms"] = (other.cpu() - base) * 1000
        row["resolve ms"] = median([first.timed("/real/1.x.x")[0] for _ in range(2000)])
        row["resolve exact ms"] = median([first.timed("/real/1.0.0")[0] for _ in range(2000)])
        row["list first ms"], body = first.timed("/")
        row["list ms"] = median([first.timed("/")[0] for _ in range(5)])
        row["list MB"] = len(body) / 1e6
        if not arguments.bare:
            row["list with meta first ms"], body = first.timed("/?meta=true")
            row["list with meta ms"] = median([first.timed("/?meta=true")[0] for _ in range(5)])
            row["list with meta MB"] = len(body) / 1e6
        row["page first ms"] = first.timed("/", "text/html")[0]
        row["page ms"] = median([first.timed("/", "text/html")[0] for _ in range(5)])
        search = "/?q=component-0007"
        row["search ms"] = median([first.timed(search, "text/html")[0] for _ in range(5)])
        first.publish("real", "2.0.0")
        if not arguments.bare:
            row["list with meta after publish ms"] = first.timed("/?meta=true")[0]
        row["page after publish ms"] = first.timed("/", "text/html")[0]
        row["list after publish ms"] = first.timed("/")[0]
        row["history ms"] = first.timed("/~registry/history")[0]
        row["RSS MB"], row["peak MB"] = first.memory()
        row["other RSS MB"] = other.memory()[0]
        begun = time.monotonic()
        first.stop()
        row["stop s"] = time.monotonic() - begun
        other.stop()
        again = Node(arguments.registry, store, log)
        row["start again s"], row["start again CPU s"] = again.start, again.cpu()
        again.stop()
        shared = json.loads(store.read("components/components.json"))
        if "2.0.0" not in shared["components"]["real"]:
            sys.exit("components.json does not hold what was published last")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", required=True, help="the executable ochre-registry")
    parser.add_argument("--sizes", default="1000,10000,100000", help="numbers of components")
    parser.add_argument("--versions", type=int, default=20, help="versions of each component")
    parser.add_argument("--idle", type=float, default=10, help="seconds of watching an idle node")
    parser.add_argument("--s3", help="a Python with moto: measure on an S3 server of its own")
    parser.add_argument("--bare", action="store_true", help="manifests alone: a store fills faster")
    parser.add_argument("--work", type=pathlib.Path, help="folder for the store, kept")
    arguments = parser.parse_args()
    work = arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="ochre-scale-"))
    work.mkdir(parents=True, exist_ok=True)
    rows = []
    for size in arguments.sizes.split(","):
        rows.append(measure(arguments, int(size), work))
        print(rows[-1], file=sys.stderr)
    for key in rows[0]:
        print(f"{key:36}" + "".join(f"{row[key]:14.2f}" for row in rows))
    if arguments.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
