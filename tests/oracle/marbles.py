"""Marble texts, random ones and those of traces, and RxPY on them in virtual time."""

from reactivex import Observable, Subject
from reactivex.disposable import CompositeDisposable, Disposable
from reactivex.scheduler import VirtualTimeScheduler

# The last frame of a trace.
HORIZON = 24


class Random:
    """xorshift64*: the same timelines with every release of Python."""

    def __init__(self, seed):
        self.state = (seed * 0x9E3779B97F4A7C15 + 1) & 0xFFFFFFFFFFFFFFFF or 1

    def below(self, bound):
        self.state ^= self.state >> 12
        self.state ^= (self.state << 25) & 0xFFFFFFFFFFFFFFFF
        self.state ^= self.state >> 27
        return ((self.state * 0x2545F4914F6CDD1D & 0xFFFFFFFFFFFFFFFF) >> 33) % bound

    def within(self, least, most):
        return least + self.below(most - least + 1)

    def of(self, choices):
        return choices[self.below(len(choices))]


def timeline(random, letters, frames=12, end="|"):
    """A random marble text: silence, single letters, groups, and most often one of the ends."""
    text = ""
    for _ in range(random.below(frames + 1)):
        kind = random.below(10)
        if kind < 5:
            text += "-"
        elif kind < 8:
            text += random.of(letters)
        else:
            text += "(" + "".join(random.of(letters) for _ in range(random.within(2, 3))) + ")"
    ending = random.below(8)
    if ending == 0:
        return text.rstrip("-")
    last = random.of(end)
    if ending == 1 and text.endswith(")"):
        return text[:-1] + last + ")"
    if ending == 1 and text[-1:].isalnum():
        return text[:-1] + "(" + text[-1] + last + ")"
    return text + last


def moments(text):
    """What happens in a marble text, each with its frame."""
    frame, in_group = 0, False
    for char in text:
        if char == "(":
            in_group = True
        elif char == ")":
            in_group = False
        elif char != "-":
            yield frame, char
        if not in_group:
            frame += 1


class Failure(Exception):
    """The error that an X in a marble text is."""


def tell(observer, char):
    if char == "|":
        observer.on_completed()
    elif char == "X":
        observer.on_error(Failure("X"))
    else:
        observer.on_next(char)


def hot(scheduler, text):
    """Its items are scheduled before any timer, so at one instant they come first."""
    subject = Subject()
    for frame, char in moments(text):
        scheduler.schedule_absolute(float(frame), lambda *_, char=char: tell(subject, char))
    return subject


def cold(scheduler, text):
    """Its frames are counted from its subscription."""

    def subscribe(observer, _=None):
        pending = CompositeDisposable()
        for frame, char in moments(text):
            later = scheduler.schedule_relative(float(frame), lambda *_, char=char: tell(observer, char))
            pending.add(later)
        return CompositeDisposable(pending, Disposable())

    return Observable(subscribe)


def value(item):
    """An item as a trace has it: as it is if it is one letter or digit, else in brackets."""
    if isinstance(item, list):
        return "[" + "".join(value(one) for one in item) + "]"
    text = "".join(map(str, item)) if isinstance(item, tuple) else str(item)
    return text if len(text) == 1 and text.isalnum() else f"[{text}]"


def now(scheduler):
    """The frame that it is."""
    return round(scheduler.to_seconds(scheduler.now))


class Trace:
    """What an observable yields, as marble text from the frame of its subscription on."""

    def __init__(self, scheduler, observable, begin=0):
        self.scheduler, self.begin, self.told = scheduler, begin, []
        note = lambda item: self.told.append((self.frame(), value(item)))
        self.subscription = observable.subscribe(note, self.fail, lambda: self.end(), scheduler=scheduler)

    def leave(self):
        self.subscription.dispose()

    def frame(self):
        return now(self.scheduler) - self.begin

    def fail(self, error):
        if not isinstance(error, Failure) and str(error) != "Timeout":
            raise error
        self.told.append((self.frame(), "[late]" if str(error) == "Timeout" else str(error)))
        self.end()

    def end(self):
        self.told.append((self.frame(), "|"))

    def text(self):
        text, following = "", 0
        frames = sorted({frame for frame, _ in self.told})
        for frame in frames:
            here = [what for when, what in self.told if when == frame]
            text += "-" * (frame - following) + ("(" + "".join(here) + ")" if len(here) > 1 else here[0])
            following = frame + 1
        return text


def run(observe):
    """The trace of what `observe` makes on a new scheduler."""
    scheduler = VirtualTimeScheduler(0.0)
    traces = observe(scheduler)
    traces = traces if isinstance(traces, list) else [Trace(scheduler, traces)]
    scheduler.advance_to(float(HORIZON))
    return traces
