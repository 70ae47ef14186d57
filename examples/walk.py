# Asks the API for a run of a sync, follows it on the live feed to its end, and prints the numbers of the sync:
# python3 walk.py NAME   (Python 3.9 or later, nothing to install)
# SYNCLINE_URL is the server, http://127.0.0.1:8080 without it; SYNCLINE_TOKEN a token with the scopes read and enqueue.
import json, os, sys, time, urllib.error, urllib.parse, urllib.request, uuid

BASE = os.environ.get("SYNCLINE_URL", "http://127.0.0.1:8080").rstrip("/")
TOKEN = os.environ.get("SYNCLINE_TOKEN")
WAIT = 120  # seconds


def call(method, path, body=None, **headers):
    """Sends a request. A problem that the server tells ends the program with its text."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if TOKEN:
        headers["authorization"] = f"Bearer {TOKEN}"
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["content-type"] = "application/json"
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        told = error.read().decode(errors="replace")
        try:
            problem = json.loads(told)
            told = problem.get("detail") or problem.get("title") or told
        except ValueError:
            pass
        sys.exit(f"{method} {path}: {error.code}: {told}")
    except OSError as error:
        sys.exit(f"{method} {path}: {error}; is the server at {BASE}?")


def listen(last=None):
    """Opens the live feed, after the last event that was seen."""
    headers = {"last-event-id": last} if last else {}
    if TOKEN:
        headers["authorization"] = f"Bearer {TOKEN}"
    request = urllib.request.Request(f"{BASE}/api/v1/events?types=run.*", headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        sys.exit(f"GET /api/v1/events: {error.code}: {json.load(error).get('detail')}")
    except OSError as error:
        sys.exit(f"GET /api/v1/events: {error}; is the server at {BASE}?")


def follow(feed, run, deadline):
    """Prints what the feed tells of a run, to its end. After a break it goes on where it was."""
    last = kind = None
    while time.monotonic() < deadline:
        try:
            line = feed.readline().decode()
        except OSError:
            line = ""
        name, _, value = line.rstrip("\n").partition(": ")
        if not line:
            feed = listen(last)
        elif name == "id":
            last = value
        elif name == "event":
            kind = value
        elif name == "data":
            data = json.loads(value)["data"]
            if data.get("run") == run:
                more = f" {data['done']} of {data['total']}" if kind == "run.progressed" else ""
                print(f"{kind}{more}")
                if kind in ("run.completed", "run.failed", "run.held", "run.cancelled"):
                    return
    sys.exit(f"run {run} has not ended within {WAIT} seconds; does a worker run?")


def main():
    if len(sys.argv) != 2:
        print("usage: python3 walk.py NAME", file=sys.stderr)
        sys.exit(2)
    name = sys.argv[1]
    # Opened first, so that nothing is missed.
    feed = listen()
    # With the key a request that is sent twice, because its answer got lost, asks for one run.
    run = call("POST", "/api/v1/jobs", {"sync": name}, idempotency_key=str(uuid.uuid4()))
    print(f"run {run['id']}: {run['status']}")
    follow(feed, run["id"], time.monotonic() + WAIT)
    run = call("GET", run["links"]["self"])
    print(f"run {run['id']}: {run['status']}")
    print(", ".join(f"{run[what]} {what}" for what in ("created", "updated", "deleted", "conflicts")))
    query = urllib.parse.urlencode({"sync": name, "window": "24h"})
    for sync in call("GET", f"/api/v1/sync/stats?{query}")["syncs"]:
        print(f"{sync['sync']}: {sync['links']['completed']} items in step, {sync['runs']['completed']} runs in 24 hours")
    sys.exit(0 if run.get("success") else 1)


main()
