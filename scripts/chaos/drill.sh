# shellcheck shell=bash
# What the scripts beside this one share; they source it. Each breaks something on this host for a while and mends it
# on any exit but SIGKILL; after a SIGKILL the next one mends first.
set -euo pipefail

# shellcheck disable=SC2034 # For the scripts that need more than this file.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=$(basename "$0")
# Other scripts' rules are never touched: only this chain is ours.
chain=FIRSTHAND-CHAOS
seconds=
port=7946
undone=
sleeper=

fail() {
  echo "$me: $1" >&2
  exit 2
}

say() {
  echo "$(date +%T) $1"
}

need_root() {
  [ "$(id -u)" = 0 ] || fail "needs root, $1"
}

need_tool() {
  command -v "$1" >/dev/null || fail "needs $1 (apt-get install $2)"
}

is_number() {
  [[ $1 =~ ^[0-9]+([.][0-9]+)?$ ]]
}

need_seconds() {
  is_number "$seconds" || fail "needs --for SECONDS"
}

# Tells the usage, which is the comment at the top of the script, and ends.
usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
  exit 0
}

# Takes `mend` as the function that undoes what the script did, and calls it once whatever ends the script.
mend_on_exit() {
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

end() {
  [ -z "$undone" ] || return 0
  undone=yes
  [ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null || true
  mend
  say "mended"
}

# A plain sleep would keep a signal waiting until it is over. It must not hold the lock when this is killed.
last() {
  sleep "$seconds" 9>&- &
  sleeper=$!
  wait "$sleeper"
}

# One script at a time may change the packet filter, so whatever is in the chain was left by one that was killed.
lock_filter() {
  need_root "to change the packet filter"
  need_tool iptables iptables
  need_tool flock util-linux
  # Hosts in network namespaces share a file system, but not their packet filters.
  exec 9>"/run/firsthand-chaos-$(readlink /proc/self/ns/net | tr -dc 0-9).lock"
  flock -n 9 || fail "another script of these has changed the packet filter of this host; wait for it"
  clear_filter
}

# Both address families; a host without IPv6 has no second filter.
filters() {
  echo iptables
  if command -v ip6tables >/dev/null && ip6tables -L -n >/dev/null 2>&1; then echo ip6tables; fi
}

clear_filter() {
  local filter hook table
  for filter in $(filters); do
    for hook in filter:INPUT filter:OUTPUT mangle:PREROUTING; do
      table=${hook%:*}
      while "$filter" -t "$table" -D "${hook#*:}" -j "$chain" 2>/dev/null; do :; done
    done
    for table in filter mangle; do
      "$filter" -t "$table" -F "$chain" 2>/dev/null || true
      "$filter" -t "$table" -X "$chain" 2>/dev/null || true
    done
  done
}

# hook TABLE HOOK...: makes the chain and has the packets of these hooks go through it.
hook() {
  local filter table=$1 each
  shift
  for filter in $(filters); do
    "$filter" -t "$table" -N "$chain"
    for each in "$@"; do "$filter" -t "$table" -I "$each" -j "$chain"; done
  done
}

# rule TABLE DIRECTION HOST WHAT...: for agents' packets from (-s) or to (-d) a host; `any` is everybody. Only the
# agents' port, so that nobody cuts off the shell that this runs in.
rule() {
  local table=$1 direction=$2 host=$3 protocol side filter
  shift 3
  for protocol in tcp udp; do
    for side in --dport --sport; do
      for filter in $(filters); do
        if [ "$host" = any ]; then
          "$filter" -t "$table" -A "$chain" -p "$protocol" "$side" "$port" "$@"
        elif [[ $host == *:* ]]; then
          [ "$filter" != ip6tables ] ||
            "$filter" -t "$table" -A "$chain" "$direction" "$host" -p "$protocol" "$side" "$port" "$@"
        elif [ "$filter" = iptables ]; then
          "$filter" -t "$table" -A "$chain" "$direction" "$host" -p "$protocol" "$side" "$port" "$@"
        fi
      done
    done
  done
}
