#!/usr/bin/env bash
# Fills the disk under an agent's data directory, and makes room again.
#
#   disk.sh --for SECONDS [--leave MIB] [--root-too] DIRECTORY
#
# MIB stay free, 0 if not told. Refuses the file system of / unless --root-too: everything on this host would feel it.

. "$(dirname "$0")/drill.sh"
leave=0
directory=
root_too=
while [ $# -gt 0 ]; do
  case $1 in
    --for) seconds=${2-}; shift 2 || fail "--for needs a value" ;;
    --leave) leave=${2-}; shift 2 || fail "--leave needs a value" ;;
    --root-too) root_too=yes; shift ;;
    -h | --help) usage ;;
    -*) fail "there is no option $1" ;;
    *) directory=$1; shift ;;
  esac
done
need_seconds
[[ $leave =~ ^[0-9]+$ ]] || fail "needs --leave MIB as a whole number"
[ -d "$directory" ] || fail "needs the data directory of an agent"
[ -w "$directory" ] || fail "may not write to $directory"
[ -n "$root_too" ] || [ "$(stat -c %d "$directory")" != "$(stat -c %d /)" ] ||
  fail "$directory is on the same file system as /, and everything on this host would feel it; --root-too does it anyway"
# The name is always the same, so that the next run finds what one that was killed left.
filler=$directory/firsthand-chaos-filler
mend() { rm -f "$filler"; }
mend_on_exit
rm -f "$filler"
bytes=$(($(stat -f -c '%a * %S' "$directory") - leave * 1024 * 1024))
[ "$bytes" -gt 0 ] || fail "less than $leave MiB are free already"
# Both stop where the disk is full, which is what is wanted.
fallocate -l "$bytes" "$filler" 2>/dev/null || head -c "$bytes" /dev/zero >"$filler" 2>/dev/null || true
say "$directory has $(($(stat -f -c '%a * %S' "$directory") / 1024)) KiB left for $seconds s"
last
