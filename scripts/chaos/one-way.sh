#!/usr/bin/env bash
# This host's agent hears nothing of others any more; what it sends still reaches them.
#
#   one-way.sh --for SECONDS [--port 7946] [HOST...]
#
# Without a HOST nothing of anybody. Needs root and iptables.

. "$(dirname "$0")/drill.sh"
hosts=()
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    --port) port=${2-}; shift 2 || fail "--port needs a value" ;;
    -h | --help) usage ;;
    -*) fail "there is no option $1" ;;
    *) hosts+=("$1"); shift ;;
  esac
done
need_seconds
lock_filter
mend() { clear_filter; }
mend_on_exit
hook filter INPUT
for host in "${hosts[@]:-any}"; do rule filter -s "$host" -j DROP; done
say "deaf for ${hosts[*]:-everybody} on port $port for $seconds s"
last
