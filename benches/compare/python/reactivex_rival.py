"""Handlers of a Subject of reactivex, called on the emitting thread; the argument says how many."""

import sys
import time

from reactivex.subject import Subject

import model

subject = Subject()
handled = 0


def handler(_event):
    global handled
    handled += 1


for _ in range(int(sys.argv[1])):
    subject.subscribe(handler)

for emissions in model.emissions():
    handled = 0
    begun = time.perf_counter()
    for _ in range(emissions):
        subject.on_next(model.event())
    model.answer(time.perf_counter() - begun, handled)
