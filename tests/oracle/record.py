"""Records what RxPY makes of random timelines: record.py DIRECTORY [SEED [CASES]].

One file for each operator, one line for each timeline: its numbers, its sources, the trace, as JSON.
"""

import json
import sys
import zlib
from pathlib import Path

import reactivex
from marbles import Random, Trace, cold, hot, now, run, timeline
from reactivex import operators as ops

SEED, CASES = 20_260, 1_000
LETTERS = "abcdefghijk"
FEW = "abc"
DIGITS = "123456789"

OPERATORS = {}


def operator(sources, numbers=lambda random: []):
    """Declares an operator: how its sources and its numbers are drawn. It is given a scheduler and both."""

    def declare(observe):
        OPERATORS[observe.__name__] = (sources, numbers, observe)
        return observe

    return declare


def one(letters=LETTERS, **how):
    return lambda random: [timeline(random, letters, **how)]


def two(random):
    return [timeline(random, LETTERS), timeline(random, DIGITS)]


def within(least, most):
    return lambda random: [random.within(least, most)]


@operator(one(), within(0, 5))
def debounce(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.debounce(float(numbers[0])))


@operator(one(), within(1, 5))
def throttle_first(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.throttle_first(float(numbers[0])))


@operator(one(), within(1, 5))
def throttle_last(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.sample(float(numbers[0])))


@operator(two)
def sample(scheduler, _, sources):
    # RxPY says nothing more once the sampler has ended, nor ends itself: there we end.
    source, sampler = (cold(scheduler, text) for text in sources)
    is_end = lambda notification: notification.kind == "C"
    return source.pipe(ops.sample(sampler), ops.take_until(sampler.pipe(ops.materialize(), ops.filter(is_end))))


@operator(one(), within(1, 4))
def buffer(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.buffer_with_count(numbers[0]))


@operator(one(), within(1, 5))
def buffer_time(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.buffer_with_time(float(numbers[0])))


@operator(one(), lambda random: [random.within(1, 4), random.within(1, 5)])
def buffer_count_or_time(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.buffer_with_time_or_count(float(numbers[1]), numbers[0]))


@operator(one("abcde"))
def distinct(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.distinct())


@operator(one("aAbBcC"))
def distinct_by_key(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.distinct(str.lower))


@operator(one(FEW))
def distinct_until_changed(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.distinct_until_changed())


@operator(one("aAbB"))
def distinct_until_changed_by_key(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.distinct_until_changed(str.lower))


@operator(one(DIGITS))
def scan(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.scan(lambda sum, digit: sum + int(digit), 0))


@operator(one())
def pairwise(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.pairwise())


@operator(one("aAbBcC"))
def group_by(scheduler, _, sources):
    """The keys, and all that each group yields from the frame on in which it begins."""
    traces = []

    def begin(group):
        traces.append(Trace(scheduler, group, now(scheduler)))
        return group.key

    keys = hot(scheduler, sources[0]).pipe(ops.group_by(str.lower), ops.map(begin))
    traces.insert(0, Trace(scheduler, keys))
    return traces


def outer_and_inner(random):
    inner = [timeline(random, DIGITS, frames=5) for _ in FEW]
    return [timeline(random, FEW, frames=9), *inner]


@operator(outer_and_inner)
def switch_map(scheduler, _, sources):
    inner = dict(zip(FEW, sources[1:]))
    return hot(scheduler, sources[0]).pipe(
        ops.map(lambda letter: cold(scheduler, inner[letter])), ops.switch_latest()
    )


@operator(outer_and_inner, within(1, 4))
def merge_map(scheduler, numbers, sources):
    inner = dict(zip(FEW, sources[1:]))
    return hot(scheduler, sources[0]).pipe(
        ops.map(lambda letter: cold(scheduler, inner[letter])), ops.merge(max_concurrent=numbers[0])
    )


@operator(two)
def merge(scheduler, _, sources):
    return cold(scheduler, sources[0]).pipe(ops.merge(cold(scheduler, sources[1])))


@operator(two)
def with_latest_from(scheduler, _, sources):
    source, other = (cold(scheduler, text) for text in sources)
    return source.pipe(ops.with_latest_from(other))


@operator(two)
def combine_latest(scheduler, _, sources):
    source, other = (cold(scheduler, text) for text in sources)
    return source.pipe(ops.combine_latest(other))


@operator(two)
def take_until(scheduler, _, sources):
    source, notifier = (cold(scheduler, text) for text in sources)
    return source.pipe(ops.take_until(notifier))


@operator(two)
def start_with(scheduler, _, sources):
    # The second text is of what is yielded first, without its times.
    return cold(scheduler, sources[0]).pipe(ops.start_with(*filter(str.isalnum, sources[1])))


@operator(one(), within(0, 5))
def timeout_each(scheduler, numbers, sources):
    return hot(scheduler, sources[0]).pipe(ops.timeout(float(numbers[0])))


@operator(lambda random: [timeline(random, LETTERS, end="|XX"), timeline(random, DIGITS, end="||X")])
def on_error(scheduler, _, sources):
    return hot(scheduler, sources[0]).pipe(ops.catch(lambda *_: cold(scheduler, sources[1])))


@operator(lambda random: [timeline(random, LETTERS, frames=4, end="|XXX") for _ in range(4)], within(0, 4))
def retry(scheduler, numbers, sources):
    attempts = iter([*sources, *sources])
    # RxPY counts the first attempt too.
    return reactivex.defer(lambda _: cold(scheduler, next(attempts))).pipe(ops.retry(numbers[0] + 1))


def readers(random):
    """How many items are replayed, and of two readers who come late when they do and for how long they stay."""
    come = sorted(random.within(0, 14) for _ in range(2))
    return [random.below(4), *(number for begin in come for number in (begin, random.below(10)))]


@operator(one(), readers)
def share(scheduler, numbers, sources):
    replay, *late = numbers
    kept = [ops.replay(buffer_size=replay, scheduler=scheduler), ops.ref_count()] if replay else [ops.share()]
    shared = hot(scheduler, sources[0]).pipe(*kept)
    traces = [Trace(scheduler, shared)]

    def come(begin, stay):
        trace = Trace(scheduler, shared, begin)
        traces.append(trace)
        # Behind everything that happens in its last frame.
        scheduler.schedule_absolute(begin + stay + 0.5, lambda *_: trace.leave())

    for begin, stay in zip(late[::2], late[1::2]):
        scheduler.schedule_absolute(float(begin), lambda *_, begin=begin, stay=stay: come(begin, stay))
    return traces


def record(name, seed, cases):
    sources, numbers, observe = OPERATORS[name]
    random = Random(seed ^ zlib.crc32(name.encode()))
    for _ in range(cases):
        drawn = numbers(random), sources(random)
        traces = run(lambda scheduler: observe(scheduler, *drawn))
        yield json.dumps([*drawn, " ".join(trace.text() for trace in traces)], separators=(",", ":"))


def main(directory, seed=SEED, cases=CASES):
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name in OPERATORS:
        lines = "\n".join(record(name, int(seed), int(cases)))
        (directory / f"{name}.jsonl").write_text(lines + "\n", encoding="utf-8")


main(*sys.argv[1:])
