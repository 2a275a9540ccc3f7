#!/bin/sh
# The npm that `oc init` runs: the real one, with fixed versions for what `oc init` would
# take in whichever version is the latest today.
set -eu
real=${OCHRE_TEST_NPM:?is the path of the real npm}
if [ -f package.json ] && grep -q '"oc-server"' package.json; then
    "$real" pkg set devDependencies.oc-server=1.1.11 >/dev/null
fi
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    case $argument in
    oc-template-es6-compiler) argument=oc-template-es6-compiler@7.1.2 ;;
    oc-template-handlebars-compiler) argument=oc-template-handlebars-compiler@6.7.1 ;;
    esac
    set -- "$@" "$argument"
    count=$((count - 1))
done
exec "$real" "$@"
