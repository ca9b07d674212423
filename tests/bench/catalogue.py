"""The list of all measurements, and what is shown of them."""

import dataclasses
import functools
import typing

from measures import (FEW_PORTS, MOVING, asked, connect, floor, idle, replaced,
                      round_trips, status, stream)

SIZES = (1, 10, 100, 1000, 2000, 4000)
FEW_SIZES = (1, 100, 1000, 4000)
FLOOR = 'memory-floor'
ASKED_CONNECTIONS = 5000
REPLACED_CONNECTIONS = 2000


class Value(typing.NamedTuple):
    """A number of a measurement, as the table shows it."""
    key: str
    label: str  # '': that of the measurement
    unit: str


class Curve(typing.NamedTuple):
    """How a number grows with the connections that are open."""
    kind: str
    key: str
    title: str
    is_logarithmic: bool = False


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    title: str
    take: typing.Callable   # (visit, milliseconds) to a dictionary
    values: tuple
    # Connections that are open, of those that take long and hardly vary.
    size: int = None
    is_floor: bool = False  # the shape's bare floor, not the contenders
    is_own: bool = False    # only srcproxy can do it


_STREAM_VALUES = (
    Value('gbit_s', '', 'Gbit/s'),
    Value('cpu_s', 'CPU of both halves', 's/GB'),
)
_CONNECT_VALUES = (
    Value('per_s', '', '/s'),
    Value('failed', 'failed', ''),
    Value('p99_us', 'p99', 'µs'),
    Value('cpu_us', 'CPU of both halves each', 'µs'),
    Value('tracked', 'tracked on the gate', ''),
)
_ROUND_TRIP_VALUES = (
    Value('per_s', '', '/s'),
    Value('p50_us', 'p50', 'µs'),
    Value('p99_us', 'p99', 'µs'),
    Value('cpu_us', 'CPU of both halves each', 'µs'),
)
_STATUS_VALUES = (
    Value('status_ms', '', 'ms'),
    Value('to_ss', 'to ss -Htan', ''),
    Value('list_ms', 'with --connections', 'ms'),
    Value('list_to_ss', 'to ss -Htan', ''),
)
_ASKED_VALUES = (
    Value('p99_ratio', '', ''),
    Value('p50_ratio', 'p50', ''),
)
_REPLACED_VALUES = (
    Value('pause_ms', '', 'ms'),
    Value('p50_ms', 'round trip otherwise', 'ms'),
    Value('longest_ms', 'longest pause', 'ms'),
    Value('memory_ratio', 'memory of both processes, to one', ''),
)
_MEMORY = Value('memory_kib', '', 'KiB')

_part = functools.partial


def _streams():
    for connections, title in (1, '1 stream'), (8, '8 streams'):
        for direction in 'up', 'down':
            yield Measure(
                f'stream-{connections}-{direction}', f'{title} {direction}',
                _part(stream, connections=connections,
                      down=direction == 'down'), _STREAM_VALUES)


def _connects():
    for name, title, options in (
            ('1', '1 at a time', {'connections': 1}),
            ('50', '50 at a time', {'connections': 50}),
            ('ports', '50 on 100 ports',
             {'connections': 50, 'ports': FEW_PORTS})):
        yield Measure(f'connect-{name}', f'conn., {title}',
                      _part(connect, **options), _CONNECT_VALUES)


def _round_trips(busy):
    for connections in 1, 100, 1000:
        yield Measure(
            f'pingpong-{connections}' + ('-busy' if busy else ''),
            f'round trips, {connections:,}' + (' busy' if busy else ''),
            _part(round_trips, connections=connections, busy=busy),
            _ROUND_TRIP_VALUES)


def _memory():
    size = max(SIZES)
    yield Measure('memory', 'memory per idle conn.',
                  _part(idle, connections=size), (_MEMORY,), size)
    yield Measure(FLOOR, '  bare threads, sockets',
                  _part(floor, connections=size), (_MEMORY,), size,
                  is_floor=True)


def _status():
    yield Measure('status', f'status, {ASKED_CONNECTIONS:,} open',
                  _part(status, connections=ASKED_CONNECTIONS),
                  _STATUS_VALUES, ASKED_CONNECTIONS, is_own=True)
    yield Measure('status-asked', 'p99 asked 20/s, to unasked',
                  _part(asked, connections=1), _ASKED_VALUES, is_own=True)


def _replaced():
    yield Measure('replaced', f'--replace, {REPLACED_CONNECTIONS:,} open, '
                  f'{MOVING} busy',
                  _part(replaced, connections=REPLACED_CONNECTIONS),
                  _REPLACED_VALUES, REPLACED_CONNECTIONS, is_own=True)


GROWTH = (
    Curve('stream', 'gbit_s', 'streams up, sum of all, Gbit/s'),
    Curve('stream', 'cpu_s', 'CPU of both halves, s/GB'),
    Curve('pingpong', 'per_s', 'round trips of 64 B on all of them, /s'),
    Curve('pingpong', 'p50_us', 'p50 of a round trip, µs', True),
    Curve('pingpong', 'p99_us', 'p99 of a round trip, µs', True),
    Curve('pingpong', 'cpu_us', 'CPU of both halves for each round trip, µs'),
    Curve('pingpong', 'memory_mib', 'memory of both halves, idle, MiB', True),
    Curve('pingpong', 'open_per_s', 'opening them, 64 at a time, /s'),
)


def growth_name(size, kind):
    return f'growth-{size}-{kind}'


def _growth(sizes):
    for size in sizes:
        for kind, take in (('stream', stream), ('pingpong', round_trips)):
            yield Measure(growth_name(size, kind), f'{kind}, {size:,} open',
                          _part(take, connections=size), (), size)


def all_measures(busy, sizes):
    return [*_streams(), *_connects(), *_round_trips(False),
            *(_round_trips(True) if busy else ()), *_memory(), *_status(), *_replaced(),
            *_growth(sizes)]
