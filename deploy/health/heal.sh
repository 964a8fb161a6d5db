#!/bin/sh
# heal.sh SECONDS COMMAND...: a health check after which a server that hangs is started again.
#
# Docker notes that a container is unhealthy and does nothing about it. This runs COMMAND for at most SECONDS; one that
# ends in time with an error says that the server answers and lacks something, which a restart would not mend. When
# nothing is answered three times in a row, everything in the container is killed, and its restart policy starts it
# again. A server that has never been well since its start is given sixty checks (12 to 20 minutes).
set -u
limit=$1
shift
count=/tmp/.unanswered
armed=/tmp/.was-well
unanswered=$(($(cat "$count" 2>/dev/null || echo 0) + 1))
# Counted before it is asked, since Docker kills a check that takes too long.
echo "$unanswered" > "$count"
# What is asked is in this container; Docker may have told of a proxy for the way out, which does not know it.
unset http_proxy HTTP_PROXY
timeout -s KILL "$limit" "$@"
code=$?
case $code in
  0) touch "$armed" ;;
  124 | 137)
    most=3
    [ -e "$armed" ] || most=60
    if [ "$unanswered" -ge "$most" ]; then
      echo "No answer $unanswered times in a row: the container is started again." >&2
      # Process 1 only waits for the server; it may have been stopped itself.
      kill -CONT 1
      kill -KILL -1
    fi
    exit 1
    ;;
esac
rm -f "$count"
exit "$((code != 0))"
