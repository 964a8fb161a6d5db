#!/bin/sh
# Starts the stack's Redis with the password of its secret file, which never stands in an argument.
set -eu
secret=${REDIS_PASSWORD_FILE:-/run/secrets/redis_password}
if ! password=$(cat "$secret"); then
  echo "The password file $secret cannot be read: make it (README, First start), and see that it may be read." >&2
  exit 78
fi
case $password in
  *[!A-Za-z0-9._~-]*) echo "The password in $secret may hold letters, digits and . _ ~ - only, on one line." >&2; exit 78 ;;
esac
if [ "${#password}" -lt 16 ]; then
  echo "The password in $secret has ${#password} characters; write at least 16 into the file that REDIS_PASSWORD_FILE names in .env." >&2
  exit 78
fi
umask 077
{ cat /etc/synapse/redis.conf; printf 'requirepass %s\n' "$password"; } > /tmp/redis.conf
exec 3< /tmp/redis.conf
rm /tmp/redis.conf
exec redis-server - <&3
