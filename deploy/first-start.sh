#!/bin/sh
# first-start.sh [development|production]: makes what the stack in containers needs and this folder has not: .env with
# the form named in it, a password, a token, files for the keys of model servers, two folders.
# Run it as often as you like: what is there is left as it is, but for the form when it is named.
set -eu
cd "$(dirname "$0")/.."
form=${1:-}
case $form in
  '' | development | production) ;;
  *) echo "There is no form $form: say FORM=development or FORM=production." >&2; exit 2 ;;
esac

# The containers of every copy of this folder have the same names and the same volume: `docker compose up` in here would
# take over those of another copy. One that was moved is no longer where its containers say.
asked=
if command -v timeout >/dev/null 2>&1; then asked="timeout 10"; fi
if command -v docker >/dev/null 2>&1; then
  $asked docker ps --all --filter label=com.docker.compose.project=synapse \
    --format '{{.Label "com.docker.compose.project.working_dir"}}' 2>/dev/null </dev/null | sort -u | while IFS= read -r folder; do
    if [ -e "$folder/docker-compose.yml" ] && [ "$(cd "$folder" && pwd -P)" != "$(pwd -P)" ]; then
      echo "The stack of $folder is on this machine, and a start in here would take its containers over." \
        "Work in that folder; or end it there first (the data stays): docker compose --profile '*' down" >&2
      exit 1
    fi
  done
fi

# What comes in becomes .env, whole, with the owner and mode that it had.
write() {
  cp -p .env .env.new
  cat > .env.new
  mv .env.new .env
}

if [ ! -e .env ]; then
  if [ -z "$form" ] && { [ -e secrets/redis_password ] || [ -e secrets/api_token ]; }; then
    # Production may be running here, and must not become development because a file was lost.
    echo "secrets/ is there and .env is lost; say which form this is: make secrets FORM=development, or FORM=production." >&2
    exit 1
  fi
  cp .env.example .env
  echo "Made .env from .env.example."
fi
# Other systems' editors: lines that end in CR LF, a last line that does not end.
tr -d '\r' < .env | awk 1 | write

own=docker-compose.override.yml other=docker-compose.production.yml
[ "$form" != production ] || { own=docker-compose.production.yml other=docker-compose.override.yml; }
case $form:$(sed -n 's/^COMPOSE_FILE=//p' .env | tail -n 1) in
  development:*docker-compose.override.yml* | production:*docker-compose.production.yml* | :?*) ;;
  :)
    # An older .env: production may be running here, and must not become development unasked.
    echo "No line COMPOSE_FILE= in .env says which form this is: make secrets FORM=development, or FORM=production." >&2
    exit 1
    ;;
  *)
    grep -q '^COMPOSE_FILE=' .env || echo 'COMPOSE_FILE=' >> .env
    # Further files of the line, such as the keys of S3, are of both forms.
    sed -e "/^COMPOSE_FILE=/s#$other#$own#" \
      -e "/^COMPOSE_FILE=.*$own/!s#^COMPOSE_FILE=.*#COMPOSE_FILE=docker-compose.yml:$own#" .env | write
    echo "The form is $form: $(sed -n '/^COMPOSE_FILE=/p' .env | tail -n 1) in .env."
    ;;
esac

# The folder is shut; the files in it are not, because each container reads its own as another user.
mkdir -p secrets
chmod 700 secrets
for name in redis_password api_token; do
  if [ -z "$(cat "secrets/$name" 2>/dev/null)" ]; then
    if [ -e "secrets/$name" ] || grep -q "_FILE=\./secrets/$name\$" .env; then
      echo "secrets/$name was lost and is made anew, but what runs has the old one: put a copy of that back into the file," \
        "or start all again with the new one (the data stays): docker compose up --detach --wait --force-recreate" >&2
    fi
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
    chmod 644 "secrets/$name"
    echo "Made secrets/$name."
  fi
done
for name in model_api_key embedding_api_key; do
  # An empty one says that the servers ask for no key.
  [ -e "secrets/$name" ] || { : > "secrets/$name"; chmod 644 "secrets/$name"; }
done
for name in redis_password api_token model_api_key embedding_api_key; do
  variable=$(echo "$name" | tr '[:lower:]' '[:upper:]')_FILE
  grep -q "^$variable=" .env || echo "$variable=" >> .env
  sed "s#^$variable=\$#$variable=./secrets/$name#" .env | write
done

# Each container reads its files as another user, under whatever umask they were fetched. What somebody else owns is
# left to them: its rights may do, and else the container says what it cannot read.
for folder in app deploy frontend; do
  [ ! -d "$folder" ] || find "$folder" -name node_modules -prune -o ! -type l -exec chmod go+rX {} + 2>/dev/null || true
done

# The containers write here: as user 1000, or as whoever SYNAPSE_USER names.
mkdir -p data backups
user=$(id -u)
if [ "$user" = 0 ]; then
  owner=$(sed -n "s/^SYNAPSE_USER=[\"']*\([0-9][0-9:]*\).*/\1/p" .env | tail -n 1)
  for folder in data backups; do
    # What somebody else owns was given to them.
    [ -z "$(find "$folder" -prune -user 0)" ] || chown "${owner:-1000:1000}" "$folder"
  done
elif [ "$user" != 1000 ] && ! grep -q '^SYNAPSE_USER=' .env; then
  echo "SYNAPSE_USER=$user:$(id -g)" >> .env
  echo "The containers run as you: SYNAPSE_USER=$user:$(id -g) in .env."
fi

# What would keep the stack from starting is said now, by its line.
wrong=0
refuse() {
  for line in $(grep -nE "$1" .env | cut -d= -f1); do
    echo "Line ${line%%:*} of .env, ${line#*:}=, $2" >&2
    wrong=1
  done
}
for name in model_api_key embedding_api_key; do
  variable=$(echo "$name" | tr '[:lower:]' '[:upper:]')
  refuse "^$variable=[\"' ]*[^\"' #]" "shows a key to whoever may inspect containers: write it into secrets/$name, and take the line out."
done
refuse '^SYNAPSE_USER=("|'"'"')?(0+|root)(:|"|'"'"'|$)|^SYNAPSE_USER=[^:]*:(0+|root)("|'"'"'|$)' \
  "means root: nothing of the stack runs as root; name another user, such as 1000:1000."
exit "$wrong"
