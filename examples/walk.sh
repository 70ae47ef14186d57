#!/bin/sh
# Asks the API for a run of a sync, follows it on the live feed to its end, and prints the numbers of the sync:
# sh walk.sh NAME   (needs curl and jq)
# SYNCLINE_URL is the server, http://127.0.0.1:8080 without it; SYNCLINE_TOKEN a token with the scopes read and enqueue.
set -eu
[ $# = 1 ] || { echo "usage: sh walk.sh NAME" >&2; exit 2; }
base=${SYNCLINE_URL:-http://127.0.0.1:8080}
base=${base%/}

# call METHOD PATH [BODY]: prints the answer. A problem that the server tells ends the program with its text.
call() {
    set -- "$1" "$2" "${3:-}"
    # The token goes in by standard input: arguments can be seen by everyone on the machine.
    answer=$({ [ -z "${SYNCLINE_TOKEN:-}" ] || printf 'header = "authorization: Bearer %s"\n' "$SYNCLINE_TOKEN"; } |
        curl --config - --silent --show-error --max-time 30 --request "$1" --write-out '\n%{http_code}' \
            ${3:+--header 'content-type: application/json' --header "idempotency-key: $key" --data "$3"} "$base$2") || exit 1
    code=${answer##*
}
    answer=${answer%
*}
    case $code in
        2*) printf '%s\n' "$answer" ;;
        *)
            told=$(printf '%s' "$answer" | jq -r '.detail // .title' 2> /dev/null) || told=$answer
            echo "$1 $2: $code: $told" >&2
            exit 1
            ;;
    esac
}

# The live feed, opened first, so that nothing is missed.
feed=$(mktemp)
{ [ -z "${SYNCLINE_TOKEN:-}" ] || printf 'header = "authorization: Bearer %s"\n' "$SYNCLINE_TOKEN"; } |
    curl --config - --silent --no-buffer --max-time 130 "$base/api/v1/events?types=run.*" > "$feed" &
listener=$!
trap 'kill $listener 2> /dev/null; rm -f "$feed"' EXIT
opened=0
until [ -s "$feed" ] || [ $opened = 50 ]; do
    opened=$((opened + 1))
    sleep 0.1
done

# What the feed has told of the run: a line for each event.
told() {
    sed -n 's/^data: //p' "$feed" | jq -r --arg run "$1" 'select(.data.run == $run) |
        (.type | ltrimstr("syncline.") | rtrimstr(".v1")) + (if .data.total then " \(.data.done) of \(.data.total)" else "" end)' 2> /dev/null
}

# With the key a request that is sent twice, because its answer got lost, asks for one run.
key=$(date +%s)-$$
run=$(call POST /api/v1/jobs "$(jq -n --arg sync "$1" '{sync: $sync}')")
printf '%s\n' "$run" | jq -r '"run \(.id): \(.status)"'
self=$(printf '%s' "$run" | jq -r .links.self)
id=$(printf '%s' "$run" | jq -r .id)
tries=0
until told "$id" | grep -Eq '^run\.(completed|failed|held|cancelled)'; do
    tries=$((tries + 1))
    [ $tries -le 120 ] || { echo "the run has not ended within two minutes; does a worker run?" >&2; exit 1; }
    sleep 1
done
told "$id"
run=$(call GET "$self")
printf '%s\n' "$run" | jq -r '"run \(.id): \(.status)", ([to_entries[] |
    select(.key | IN("created", "updated", "deleted", "conflicts")) | "\(.value) \(.key)"] | join(", "))'
call GET "/api/v1/sync/stats?window=24h&sync=$(jq -rn --arg sync "$1" '$sync | @uri')" | jq -r '.syncs[] |
    "\(.sync): \(.links.completed) items in step, \(.runs.completed) runs in 24 hours"'
[ "$(printf '%s' "$run" | jq .success)" = true ]
