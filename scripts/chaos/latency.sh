#!/usr/bin/env bash
# What other agents send to this host's agent comes later.
#
#   latency.sh --for SECONDS --ms MILLISECONDS [--jitter MILLISECONDS] [--port 7946] [HOST...]
#   latency.sh --for SECONDS --ms MILLISECONDS [--jitter MILLISECONDS] --netem INTERFACE
#
# The first form holds packets in a netfilter queue: root, iptables, python3, and NFQUEUE in the kernel. The second
# one has the kernel's netem delay everything that an interface sends, agents' packets or not: root, tc, and netem.

. "$(dirname "$0")/drill.sh"
hosts=()
ms=
jitter=0
interface=
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    --ms) ms=${2-}; shift 2 || fail "--ms needs a value" ;;
    --jitter) jitter=${2-}; shift 2 || fail "--jitter needs a value" ;;
    --netem) interface=${2-}; shift 2 || fail "--netem needs a value" ;;
    --port) port=${2-}; shift 2 || fail "--port needs a value" ;;
    -h | --help) usage ;;
    -*) fail "there is no option $1" ;;
    *) hosts+=("$1"); shift ;;
  esac
done
need_seconds
is_number "$ms" || fail "needs --ms MILLISECONDS"
is_number "$jitter" || fail "needs a number of milliseconds after --jitter"

if [ -n "$interface" ]; then
  [ ${#hosts[@]} -eq 0 ] || fail "netem cannot tell hosts apart; leave out ${hosts[*]}"
  need_root "to change what an interface does"
  need_tool tc iproute2
  tc qdisc add dev "$interface" root netem delay "${ms}ms" "${jitter}ms" 2>/dev/null ||
    fail "this kernel has no netem, or $interface is not there or has a queue of its own; without --netem another way is used"
  # shellcheck disable=SC2317 # Called by the trap.
  mend() { tc qdisc del dev "$interface" root; }
  mend_on_exit
  say "all that $interface sends comes $ms ± $jitter ms later for $seconds s"
  last
  exit
fi

need_tool python3 python3
lock_filter
queue=7946
holder=
mend() {
  clear_filter
  # It lets go of what it holds.
  [ -z "$holder" ] || { kill "$holder" 2>/dev/null && wait "$holder"; } || true
}
mend_on_exit
coproc delay { exec python3 "$here/delay.py" "$queue" "$ms" "$jitter" 9>&-; }
# shellcheck disable=SC2154 # Bash sets it for the coprocess.
holder=$delay_PID
read -r -t 10 _ <&"${delay[0]}" || fail "this kernel has no netfilter queues"
hook mangle PREROUTING
for host in "${hosts[@]:-any}"; do
  rule mangle -s "$host" -j NFQUEUE --queue-num "$queue" --queue-bypass 2>/dev/null ||
    fail "this kernel has no netfilter target NFQUEUE"
done
say "what ${hosts[*]:-everybody} sends to port $port comes $ms ± $jitter ms later for $seconds s"
last
