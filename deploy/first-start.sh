#!/bin/sh
# Makes what the stack in containers needs and this folder has not: .env, a password, a token, two folders.
# Run it as often as you like: what is there is left as it is.
set -eu
cd "$(dirname "$0")/.."

[ -e .env ] || { cp .env.example .env; echo "Made .env from .env.example."; }

# The folder is shut; the files in it are not, because each container reads its own as another user.
mkdir -p -m 700 secrets
for name in redis_password api_token; do
  if [ ! -s "secrets/$name" ]; then
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
    chmod 644 "secrets/$name"
    echo "Made secrets/$name."
  fi
done
sed -i \
  -e 's#^REDIS_PASSWORD_FILE=$#REDIS_PASSWORD_FILE=./secrets/redis_password#' \
  -e 's#^API_TOKEN_FILE=$#API_TOKEN_FILE=./secrets/api_token#' .env

# The containers write here: as user 1000, or as whoever SYNAPSE_USER names.
mkdir -p data backups
user=$(id -u)
if [ "$user" = 0 ]; then
  chown 1000:1000 data backups
elif [ "$user" != 1000 ] && ! grep -q '^SYNAPSE_USER=' .env; then
  echo "SYNAPSE_USER=$user:$(id -g)" >> .env
  echo "The containers run as you: SYNAPSE_USER=$user:$(id -g) in .env."
fi
