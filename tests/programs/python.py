"""Threads, processes, libraries in C, and blocks of all sizes."""

import ctypes
import hashlib
import json
import multiprocessing
import os
import pickle
import random
import re
import sqlite3
import subprocess
import sys
import threading
import zlib


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def rows(n, seed):
    rng = random.Random(seed)
    return [{"id": i, "name": "x" * rng.randrange(300), "list": list(range(i % 50))} for i in range(n)]


def work(seed):
    text = json.dumps(rows(1500, seed))
    back = pickle.loads(pickle.dumps(json.loads(text)))
    words = re.findall(r'"(\w+)": \[(?:\d+(?:, )?)*\]', text)
    return digest(back), len(words), zlib.crc32(zlib.decompress(zlib.compress(text.encode(), 9)))


def threads():
    out = {}
    # Each thread's results are freed by this one.
    running = [threading.Thread(target=lambda i=i: out.update({i: work(i)})) for i in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(sorted(out.items()))


def churn():
    rng = random.Random(1)
    live = {}
    total = 0
    for i in range(60000):
        size = rng.choice([8, 24, 100, 1000, 9000, 70000, 300000 if i % 97 == 0 else 40])
        live[rng.randrange(300)] = bytearray(size)
        if i % 5 == 0:
            block = live[next(iter(live))]
            block += b"tail" * rng.randrange(2000)
            total += len(block)
    print("churn", total, all(not any(b[:8]) or b[:4] == b"tail" for b in live.values()))


def by_ctypes():
    libc = ctypes.CDLL(None)
    for name in ("malloc", "calloc", "realloc", "memalign"):
        getattr(libc, name).restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    kept = []
    for shift in range(2, 25):
        block = libc.realloc(libc.malloc(1 << shift), 3 << shift)
        ctypes.memset(block, shift, 3 << shift)
        zero = libc.calloc(3, 1 << shift)
        kept.append(ctypes.string_at(zero, 3 << shift).count(0) == 3 << shift)
        kept.append(libc.memalign(1 << min(shift + 1, 21), 100) % (1 << min(shift + 1, 21)) == 0)
        libc.free(zero)
        libc.free(block)
    print("ctypes", all(kept))


def database():
    base = sqlite3.connect(":memory:")
    base.execute("create table t (id integer primary key, name text, n int)")
    base.executemany("insert into t values (?, ?, ?)", ((i, "n" * (i % 400), i % 37) for i in range(8000)))
    base.execute("create index i on t (n, name)")
    print("sqlite", base.execute("select n, count(*), sum(length(name)) from t group by n").fetchall()[:3])


def main():
    threads()
    churn()
    by_ctypes()
    database()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(digest(pool.map(work, range(6))))
    print(subprocess.run(["sh", "-c", "echo child; exit 5"], capture_output=True))
    print(subprocess.run([sys.executable, "-c", "print(len(bytearray(1 << 24)))"], capture_output=True))
    for i in range(20):
        child = os.fork()
        if child == 0:
            os._exit(len(work(i)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


if __name__ == "__main__":
    main()
