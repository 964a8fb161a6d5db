#!/bin/sh
# Asks Redis whether it answers to the password; `-e` makes an error of the server one of the command.
REDISCLI_AUTH=$(cat "${REDIS_PASSWORD_FILE:-/run/secrets/redis_password}") || exit 1
export REDISCLI_AUTH
exec redis-cli -e --raw ping
