"""Huey on SQLite, the same phases as phases.mjs: python huey_bench.py FILE PHASE NUMBERS...

Its consumer runs threads; several processes on one SQLite file are slower than one.
"""

import os
import random
import sys
import threading
import time

from huey import SqliteHuey
from huey.storage import SqliteStorage

path, phase, *numbers = sys.argv[1:]
numbers = [int(number) for number in numbers]


class NormalStorage(SqliteStorage):
    """It offers synchronous=OFF and FULL; what is compared is NORMAL."""

    def _create_connection(self):
        connection = super()._create_connection()
        connection.execute("pragma synchronous=normal")
        return connection


huey = SqliteHuey("bench", filename=path, results=False, storage_class=NormalStorage, cache_mb=64)
lock = threading.Lock()
state = {"done": 0, "picked": None}


@huey.task(retries=3)
def job(payload):
    with lock:
        state["done"] += 1
        state["picked"] = time.perf_counter()


def payload(n):
    return {"n": n, "pad": "x" * 180}


def tell(name, value):
    print(name, value, flush=True)


def wait(done, then, patience):
    until = time.perf_counter() + patience
    while not done() and time.perf_counter() < until:
        time.sleep(then)


def consumer(workers):
    running = huey.create_consumer(
        workers=workers, worker_type="thread", periodic=False, initial_delay=0.01, max_delay=0.05, backoff=1.15
    )
    running.start()
    return running


def push(one_by_one, producers, _bulk):
    began = time.perf_counter()
    for n in range(one_by_one):
        job(payload(n))
    tell("enqueue", one_by_one / (time.perf_counter() - began))
    began = time.perf_counter()
    each = producers // 16
    threads = [threading.Thread(target=lambda: [job(payload(n)) for n in range(each)]) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell("producers", 16 * each / (time.perf_counter() - began))


def drain(jobs):
    # One thread drains fastest: with more they wait for the interpreter and for the file.
    began = time.perf_counter()
    consumer(int(os.environ.get("BENCH_WORKERS", "1")))
    wait(lambda: state["done"] >= jobs, 0.002, 300)
    tell("drain", state["done"] / (time.perf_counter() - began))
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
    tell("memory", int(peak.split()[1]) / 1024)


def pickup(samples):
    consumer(4)
    time.sleep(1)
    for n in range(samples):
        state["picked"] = None
        began = time.perf_counter()
        job(payload(n))
        wait(lambda: state["picked"] is not None, 0.0001, 10)
        tell("pickup", ((state["picked"] or time.perf_counter()) - began) * 1000)
        time.sleep(0.01 + 0.01 * random.random())


def idle(seconds):
    consumer(4)
    time.sleep(seconds)


{"push": push, "drain": drain, "pickup": pickup, "idle": idle}[phase](*numbers)
sys.stdout.flush()
os._exit(0)
