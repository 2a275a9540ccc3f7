#!/usr/bin/env bash
# Runs every test: sets the tools up, builds, and ends with one line `N passed, N failed`. Fails
# when a test fails, or when a suite ran no test.
set -euo pipefail
cd "$(dirname "$0")/.."

# Suites that must have run tests, by the name of their executable.
required=(
    ochre_model recorded npm_semver
    ochre_package
    ochre_store contract contention interleavings
    ochre_cdn_sync
    ochre_engine quickjs process node
    ochre_registry
    ochre_client exchanges page
    ochre_loadtest
    ochre_tests
    api browser clients cluster compat hostile stores
)
# Suites that only run when they are asked for: real npm `semver`.
features=ochre-model/npm-semver

tools=$PWD/tests/.tools
log=$(mktemp)
trap 'rm -f "$log"' EXIT

stage() {
    local name=$1 started=$SECONDS status=0
    shift
    printf '== %s\n' "$name"
    "$@" || status=$?
    printf '== %s: %d s%s\n' "$name" $((SECONDS - started)) "$([ $status -eq 0 ] || echo ' FAILED')"
    return $status
}

build() {
    cargo build --quiet -p ochre-registry -p ochre-client -p ochre-cdn-sync
    cargo test --quiet --workspace --features "$features" --no-run
}

run_tests() {
    cargo test --workspace --features "$features" --no-fail-fast 2>&1 | tee "$log"
}

# One line for each suite: name, passed, failed, seconds.
counts() {
    awk '
        /^ *Running / {
            suite = $0
            sub(/.*deps\//, "", suite)
            sub(/-[0-9a-f]*\)$/, "", suite)
        }
        /^ *Doc-tests / { suite = "doc " $2 }
        /^test result: / {
            seconds = $0
            sub(/.*finished in /, "", seconds)
            print suite "\t" $4 "\t" $6 "\t" seconds
        }
    ' "$log"
}

stage "set up" tests/setup.sh
export PATH=$tools/node/bin:$PATH
export OCHRE_TEST_TOOLS=$tools
export OCHRE_SEMVER_MODULE=$tools/npm/node_modules/semver
stage build build
broken=0
stage tests run_tests || broken=1

printf '== suites\n'
counts | awk -F '\t' '{ printf "%-24s %5d passed %3d failed %9s\n", $1, $2, $3, $4 }'
for suite in "${required[@]}"; do
    if [ "$(counts | awk -F '\t' -v suite="$suite" '$1 == suite { n += $2 + $3 } END { print n + 0 }')" -eq 0 ]; then
        printf 'suite %s ran no test\n' "$suite"
        broken=1
    fi
done
counts | awk -F '\t' '{ passed += $2; failed += $3 } END { printf "%d passed, %d failed\n", passed, failed }'
exit $broken
