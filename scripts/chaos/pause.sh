#!/usr/bin/env bash
# An agent's process stands still (SIGSTOP) and goes on afterwards (SIGCONT).
#
#   pause.sh --for SECONDS PID
#
# The pid of the agent, for instance from `systemctl show -p MainPID --value firsthand`.

. "$(dirname "$0")/drill.sh"
pid=
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    -h | --help) usage ;;
    -*) fail "there is no option $1" ;;
    *) pid=$1; shift ;;
  esac
done
need_seconds
[[ $pid =~ ^[0-9]+$ ]] || fail "needs the pid of an agent"
kill -0 "$pid" 2>/dev/null || fail "there is no process $pid, or it is somebody else's"
mend() { kill -CONT "$pid" 2>/dev/null || true; }
mend_on_exit
kill -STOP "$pid"
say "process $pid stands still for $seconds s"
last
