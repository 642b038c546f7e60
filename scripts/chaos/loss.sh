#!/usr/bin/env bash
# A share of what other agents send to this host's agent is lost.
#
#   loss.sh --for SECONDS --percent P [--port 7946] [HOST...]
#
# Without a HOST of everybody's. Needs root, iptables and its match `statistic`.

. "$(dirname "$0")/drill.sh"
hosts=()
percent=
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    --percent) percent=${2-}; shift 2 || fail "--percent needs a value" ;;
    --port) port=${2-}; shift 2 || fail "--port needs a value" ;;
    -h | --help) usage ;;
    -*) fail "there is no option $1" ;;
    *) hosts+=("$1"); shift ;;
  esac
done
need_seconds
is_number "$percent" || fail "needs --percent P, from 0 to 100"
share=$(awk -v p="$percent" 'BEGIN { if (p > 100) exit 1; print p / 100 }') || fail "$percent % is more than all"
lock_filter
mend() { clear_filter; }
mend_on_exit
hook filter INPUT
for host in "${hosts[@]:-any}"; do
  rule filter -s "$host" -m statistic --mode random --probability "$share" -j DROP
done
say "$percent % of what ${hosts[*]:-everybody} sends to port $port is lost for $seconds s"
last
