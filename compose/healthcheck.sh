#!/bin/bash
# healthcheck.sh PORT PATH: HEALTHCHECK of the images; does the server in this container answer 200 there?
#
# With bash's own sockets: the images have no curl, and to start a node for it costs thirty times as much,
# every ten seconds in every container.
set -euo pipefail

exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
IFS= read -r -t 2 line <&3
line=${line%$'\r'}
echo "$line"
[[ $line == 'HTTP/1.1 200 '* ]]
