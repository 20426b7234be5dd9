"""Work beside other work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import wgvq


def test_other_threads_go_on_meanwhile(wordnet):
    ticks, done = 0, threading.Event()

    def tick():
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    before, begin = ticks, time.monotonic()
    wgvq.KMeans(512, sample=0, iters=30, tolerance=0).fit(wordnet)
    meanwhile, seconds = ticks - before, time.monotonic() - begin
    done.set()
    thread.join()
    # Signals are looked for every 50 ms. A thread that could run only then would tick once each time, and not once a
    # millisecond.
    assert meanwhile > 3 * seconds / 0.05, (meanwhile, seconds)


def test_one_model_encodes_in_many_threads(wordnet):
    quantizer = wgvq.ResidualQuantizer(2, 4, iters=2).fit(wordnet)
    codes = quantizer.transform(wordnet)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(quantizer.transform, np.array_split(wordnet, 150)))
    assert (np.vstack(parts) == codes).all()
