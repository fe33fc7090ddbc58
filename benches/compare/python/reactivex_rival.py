"""Handlers of a Subject of reactivex, called on the emitting thread; the argument says how many."""

import sys
import time

from reactivex.subject import Subject

import model

PARTS = 100

subject = Subject()
handled = 0


def handler(_event):
    global handled
    handled += 1


for _ in range(int(sys.argv[1])):
    subject.subscribe(handler)

for emissions in model.emissions():
    handled = 0
    parts = []
    for _ in range(PARTS):
        begun = time.perf_counter()
        for _ in range(emissions // PARTS):
            subject.on_next(model.event())
        parts.append(time.perf_counter() - begun)
    model.answer(parts, handled)
