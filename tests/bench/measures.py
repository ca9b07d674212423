"""Each function measures one thing on one visit, and returns numbers.

"cpu" is the processor time of both halves for each operation or GB,
"generator_cores" how many processors the load generator kept busy.
"""

import contextlib
import os
import statistics
import time
import typing

from sandbox import BINARY

# Below the ports that the kernel itself chooses, and about as many: at full
# speed a measurement uses all of them and begins again with the first.
PORTS = '2048+28000'
# So few that each is used again when its last connection has hardly ended.
FEW_PORTS = '2048+100'

MESSAGE_BYTES = 64

ASK_ROUNDS = 5

# Of a hand-over, and what each sends and gets back again and again.
MOVING = 100
MOVING_BYTES = 16384
QUIET_SECONDS = 1.5

# Longer than any measurement; it ends with the measurement.
BUSY_MS = 100_000


def stream(visit, milliseconds, connections, down=False):
    with visit.load('stream', connections=connections, down=down,
                    milliseconds=milliseconds) as load:
        opened = load.event()
        meter = _Meter(visit)
        load.go_on()
        result = load.event()
        costs = meter.costs(result['bytes'] / 1e9)
    return {
        'gbit_s': _rate(result['bytes'] * 8 / 1e9, result['seconds']),
        'cpu_s': costs.halves,
        'generator_cores': costs.generator_cores,
        'failed': opened['failed'] + result['failed'],
        'attempts': connections,
    }


def connect(visit, milliseconds, connections, ports=PORTS):
    meter = _Meter(visit)
    with visit.load('connect', connections=connections, ports=ports,
                    milliseconds=milliseconds) as load:
        result = load.event()
        costs = meter.costs(result['established'] / 1e6)
    return {
        **_rate_and_times(result, result['established']),
        'cpu_us': costs.halves,
        'tracked': visit.tracked(),
        'generator_cores': costs.generator_cores,
        'failed': result['failed'],
        'attempts': result['established'] + result['failed'],
    }


def round_trips(visit, milliseconds, connections, busy=False):
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(visit.load(
            'pingpong', connections=connections, message=MESSAGE_BYTES,
            milliseconds=milliseconds))
        opened = load.event()
        memory = visit.memory_bytes()
        for _ in range(os.cpu_count() if busy else 0):
            stack.enter_context(visit.load('burn', milliseconds=BUSY_MS))
        meter = _Meter(visit)
        load.go_on()
        result = load.event()
        costs = meter.costs(result['round_trips'] / 1e6)
    return {
        **_rate_and_times(result, result['round_trips']),
        'cpu_us': costs.halves,
        'generator_cores': None if busy else costs.generator_cores,
        'open_per_s': _rate(opened['open'], opened['seconds']),
        'memory_mib': memory / 2**20,
        'failed': opened['failed'] + result['failed'],
        'attempts': connections,
    }


def idle(visit, _milliseconds, connections):
    empty = visit.memory_bytes()
    with visit.load('pingpong', connections=connections) as load:
        opened = load.event()
        memory = visit.memory_bytes()
    return {
        'memory_kib': (memory - empty) / 2**10 / connections,
        'failed': opened['failed'],
        'attempts': connections,
    }


def status(visit, _milliseconds, connections):
    """Compares srcproxy status with ss(8) on the same host, in turns."""
    ask = f'{BINARY} status'
    of = f'server {visit.exit_config()}'
    commands = {'ss': 'ss -Htan', 'status': f'{ask} {of}',
                'list': f'{ask} --connections {of}'}
    times = {name: [] for name in commands}
    with visit.load('pingpong', connections=connections) as load:
        opened = load.event()
        for _ in range(ASK_ROUNDS):
            for name, command in commands.items():
                times[name].append(_time(visit, command))
    medians = {name: statistics.median(taken)
               for name, taken in times.items()}
    return {
        'status_ms': medians['status'],
        'to_ss': medians['status'] / medians['ss'],
        'list_ms': medians['list'],
        'list_to_ss': medians['list'] / medians['ss'],
        'failed': opened['failed'],
        'attempts': connections,
    }


def _time(visit, command):
    """Returns the milliseconds of one run, of several for small ones."""
    runs = 5
    started = time.monotonic()
    visit.on_exit(f'for i in $(seq {runs}); do {command} >/dev/null; done')
    return (time.monotonic() - started) * 1000 / runs


def asked(visit, milliseconds, connections):
    """Compares round trips while status is asked 20 times a second with those
    before and after that."""
    ask = f'{BINARY} status server {visit.exit_config()} >/dev/null'

    def measure():
        return round_trips(visit, milliseconds, connections)

    before = measure()
    with visit.repeating(ask, 0.05):
        during = measure()
    after = measure()
    return {
        **{f'{key}_ratio': 2 * during[f'{key}_us'] /
           (before[f'{key}_us'] + after[f'{key}_us'])
           for key in ('p50', 'p99')},
        'failed': sum(each['failed'] for each in (before, during, after)),
        'attempts': 3 * connections,
    }


def replaced(visit, milliseconds, connections):
    """One server half replaces another, with MOVING busy connections."""
    with visit.load('pingpong', connections=connections - MOVING,
                    message=MESSAGE_BYTES, milliseconds=1000) as quiet, \
            visit.load('pingpong', connections=MOVING, message=MOVING_BYTES,
                       milliseconds=milliseconds) as moving:
        opened = [load.event()['failed'] for load in (quiet, moving)]
        # So that the quiet ones are that.
        time.sleep(QUIET_SECONDS)
        moving.go_on()
        time.sleep(milliseconds / 4000)
        before, most = visit.replace_exit()
        result = moving.event()
        quiet.go_on()
        after = quiet.event()
    return {
        'pause_ms': result['pause_us'] / 1000,
        'p50_ms': result['p50_us'] / 1000,
        'longest_ms': result['max_us'] / 1000,
        'memory_ratio': most / before,
        'failed': sum(opened) + result['failed'] + after['failed'],
        'attempts': connections,
    }


def floor(visit, _milliseconds, connections):
    """Measures bare threads and sockets in place of a proxy."""
    with visit.load('floor', 'gate', connections=connections) as gate, \
            visit.load('floor', 'exit', connections=connections) as exit_:
        for half in gate, exit_:
            half.event()
        empty = visit.memory_bytes()
        for half in gate, exit_:
            half.go_on()
            half.event()
        memory = visit.memory_bytes()
    return {'memory_kib': (memory - empty) / 2**10 / connections}


def _rate_and_times(result, count):
    """Returns the rate and times; {} if there was no operation."""
    keys = ('per_s', 'p50_us', 'p99_us', 'p999_us', 'max_us')
    return {key: result[key] for key in keys if count and key in result}


def _rate(count, seconds):
    """Returns operations per second; None if there was none."""
    return count / seconds if count else None


class _Costs(typing.NamedTuple):
    halves: float
    generator_cores: float


class _Meter:
    """Counts processor time from its creation on."""

    def __init__(self, visit):
        self._visit = visit
        self._started = time.monotonic()
        self._halves = visit.cpu_seconds()
        self._generator = visit.generator_cpu_seconds()

    def costs(self, operations):
        """Returns the costs of both halves for each operation: in microseconds
        if operations are given in millions.
        """
        halves = self._visit.cpu_seconds() - self._halves
        generator = self._visit.generator_cpu_seconds() - self._generator
        return _Costs(halves / operations if operations else None,
                      generator / (time.monotonic() - self._started))
