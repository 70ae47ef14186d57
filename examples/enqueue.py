# Asks for a run of a sync: REDIS_URL=redis://127.0.0.1:6379 python3 enqueue.py NAME   (needs: pip install redis)
import json, os, sys, uuid

if len(sys.argv) != 2:
    print("usage: python3 enqueue.py NAME", file=sys.stderr)
    sys.exit(2)
import redis

request = {"version": 1, "id": str(uuid.uuid4()), "sync": sys.argv[1], "priority": "high"}
store = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
store.rpush("{syncline:default}:inbox", json.dumps(request))
print(request["id"])
