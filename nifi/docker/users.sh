#!/bin/sh
# Elasticsearch's user for NiFi: it may load the indices of the pipelines, and read the dead letters to
# send them again; nothing else.
# Run again, it sets the same role and the password of .env.
set -eu

check() { # name of the variable, its value, the characters that it may have
  case $2 in
    '' | *[!$3]*)
      echo "$1 must not be empty and may have only $3: see .env.example" >&2
      exit 2 ;;
  esac
}

put() { # path, body
  # Passwords go through a pipe: an argument would be seen in the list of processes.
  printf 'user = "elastic:%s"\nheader = "Content-Type: application/json"\ndata-raw = "%s"\n' \
    "$ELASTIC_PASSWORD" "$(printf %s "$2" | sed 's/"/\\"/g')" |
    curl --config - --silent --show-error --fail-with-body --request PUT \
      --retry 20 --retry-delay 3 --retry-connrefused \
      --cacert "$ELASTICSEARCH_CA" "$ELASTICSEARCH_URL/_security/$1" || {
    echo >&2
    echo "Elasticsearch refused $1. Where it says 401: ELASTIC_PASSWORD counts at the first" \
      "start only; set it with elasticsearch-reset-password -u elastic -i" >&2
    exit 1
  }
  echo
}

check ELASTIC_PASSWORD "${ELASTIC_PASSWORD:-}" A-Za-z0-9
check LOADER_PASSWORD "${LOADER_PASSWORD:-}" A-Za-z0-9
check LOADER_INDICES "${LOADER_INDICES:-}" 'a-z0-9._+@,*-'

# Actions, not write: that updates as well, which reads, and changes mappings. The ledger forgets nothing.
indices=$(printf %s "$LOADER_INDICES" | sed 's/,/","/g')
loaded=$(printf %s "$LOADER_INDICES" | tr , '\n' | grep -v '^idemflow-' | paste -s -d , - | sed 's/,/","/g')
sends='"auto_configure","indices:data/write/index*","indices:data/write/bulk*"'
deletes=
if [ -n "$loaded" ]; then
  deletes="{\"names\":[\"$loaded\"],\"privileges\":[\"indices:data/write/delete\"]},"
fi
put role/idemflow_loader \
  "{\"cluster\":[],\"indices\":[{\"names\":[\"$indices\"],\"privileges\":[$sends]},$deletes{\"names\":[\"idemflow-dead-letters\"],\"privileges\":[\"read\"]}]}"
put user/idemflow_loader \
  "{\"password\":\"$LOADER_PASSWORD\",\"roles\":[\"idemflow_loader\"],\"full_name\":\"NiFi\"}"
echo "the user idemflow_loader may write $LOADER_INDICES"
