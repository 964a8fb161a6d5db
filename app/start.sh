#!/bin/sh
# start.sh COMMAND...: starts it, but never as root, whatever SYNAPSE_USER or `--user` said.
if [ "$(id -u)" = 0 ] || [ "$(id -g)" = 0 ]; then
  echo "Nothing of Synapse runs as root in a container: set SYNAPSE_USER in .env to another user, such as 1000:1000." >&2
  exit 78
fi
exec "$@"
