#!/usr/bin/env bash
# Keeps every processor of this host busy, so that its agent has to share.
#
#   cpu.sh --for SECONDS [--workers N]
#
# N busy loops, four for each processor if not told.

. "$(dirname "$0")/drill.sh"
workers=$((4 * $(nproc)))
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    --workers) workers=${2-}; shift 2 || fail "--workers needs a value" ;;
    -h | --help) usage ;;
    *) fail "there is no option $1" ;;
  esac
done
need_seconds
[[ $workers =~ ^[1-9][0-9]*$ ]] || fail "needs --workers of 1 or more"
pids=()
mend() { kill "${pids[@]}" 2>/dev/null || true; }
mend_on_exit
# Each ends by itself should this script be killed before it can end them.
for ((i = 0; i < workers; i++)); do
  timeout "$seconds" sh -c 'while :; do :; done' &
  pids+=($!)
done
say "$workers busy loops for $seconds s"
last
