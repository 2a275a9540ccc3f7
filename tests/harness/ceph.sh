#!/usr/bin/env bash
# A Ceph cluster of one machine with two gateways that speak S3, for tests: one monitor, one
# manager, one BlueStore disk in a sparse file, no authentication between them.
#
# Prints `ready URL URL`, the addresses of both gateways, once a bucket can be made in each; user
# `test`, secret `testtest`. Commands on standard input: `crash` kills every daemon at once (-9),
# starts them again on the same disk and prints `ready` again. Ends, and removes everything, when
# its standard input closes; the daemons end with it in any case.
set -euo pipefail

for program in ceph ceph-mon ceph-mgr ceph-osd radosgw radosgw-admin monmaptool setpriv; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: run tests/setup.sh as root on Debian" >&2
        exit 1
    }
done

folder=$(mktemp -d)
configuration=$folder/ceph.conf
declare -A daemons=()

# Whatever happens to this script, its daemons end.
daemon() {
    local name=$1
    shift
    setpriv --pdeathsig KILL "$@" -c "$configuration" -f >>"$folder/$name.out" 2>&1 &
    daemons[$name]=$!
}

kill_daemons() {
    kill -KILL "${daemons[@]}" 2>/dev/null || true
    wait "${daemons[@]}" 2>/dev/null || true
    daemons=()
}

finish() {
    kill_daemons
    rm -rf "$folder"
}
trap finish EXIT

# Runs its arguments until they succeed, at most 90 seconds.
until_done() {
    local end=$((SECONDS + 90))
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            echo "gave up on: $*" >&2
            tail -n 20 "$folder"/*.out >&2
            exit 1
        fi
        sleep 0.3
    done
}

free_ports() {
    python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(socket.getsockname()[1] for socket in sockets))'
}

read -r mon_port mon_legacy_port first_port second_port <<<"$(free_ports)"
monitor="v2:127.0.0.1:$mon_port,v1:127.0.0.1:$mon_legacy_port"
gateways=("http://127.0.0.1:$first_port" "http://127.0.0.1:$second_port")

write_configuration() {
    # Gateways ask for encryption that does not go without authentication, unless told not to.
    cat >"$configuration" <<END
[global]
fsid = $1
mon_host = [$monitor]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_mon_client_mode = crc
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_data_avail_crit = 1
run_dir = $folder
admin_socket = $folder/\$name.asok
log_file = /dev/null
pid_file = $folder/\$name.pid
bluestore_block_size = 4294967296
osd_memory_target = 939524096
mon_data = $folder/mon
osd_data = $folder/osd
mgr_data = $folder/mgr
END
}

ceph() { timeout 10 "$(type -P ceph)" -c "$configuration" "$@"; }

start_monitor() {
    daemon mon ceph-mon -i a
    until_done ceph -s
    daemon mgr ceph-mgr -i x
}

start_gateways() {
    daemon osd ceph-osd -i 0
    daemon rgw.a radosgw -n client.rgw.a --rgw-frontends "beast endpoint=127.0.0.1:$first_port"
    # The first one makes the pools.
    until_done curl --silent --fail "${gateways[0]}"
    daemon rgw.b radosgw -n client.rgw.b --rgw-frontends "beast endpoint=127.0.0.1:$second_port"
    until_done curl --silent --fail "${gateways[1]}"
}

create() {
    local id
    id=$(cat /proc/sys/kernel/random/uuid)
    mkdir -p "$folder"/{mon,osd,mgr}
    write_configuration "$id"
    monmaptool --create --clobber --fsid "$id" --addv a "[$monitor]" "$folder/monmap" >/dev/null
    ceph-mon --mkfs -i a --monmap "$folder/monmap" -c "$configuration"
    start_monitor
    ceph osd create >/dev/null
    ceph-osd -i 0 --mkfs -c "$configuration" >>"$folder/mkfs.out" 2>&1
    start_gateways
    timeout 60 radosgw-admin -c "$configuration" user create --uid=test --display-name=test \
        --access-key=test --secret-key=testtest >/dev/null 2>&1
}

create
echo "ready ${gateways[*]}"
while read -r command; do
    case $command in
    crash)
        kill_daemons
        start_monitor
        start_gateways
        echo "ready ${gateways[*]}"
        ;;
    *) echo "unknown command: $command" >&2 ;;
    esac
done
