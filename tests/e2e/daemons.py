"""Runs srcproxy for the tests, and reads its log."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

from sandbox import BINARY, WORK
from waiting import TIMEOUT, wait_until

DIAGNOSTIC_LINES = 30

# The command that all daemons run under, for example "valgrind --quiet".
UNDER = os.environ.get('SRCPROXY_TEST_UNDER', '').split()

# What client halves speak unless a test says it. "auto" asks the server on a
# connection of its own, at a moment that no test knows: in the way of those that
# count connections, or are the server themselves. Any module may be run with 2
# instead, and those with a real server half with "auto".
PROTOCOL = os.environ.get('SRCPROXY_TEST_PROTOCOL', '1')
if PROTOCOL != 'auto':
    PROTOCOL = int(PROTOCOL)

# What a client half logs of a connection that the server half has refused: only
# version 2 tells it so.
_REFUSALS = {1: ('closed', {'end': 'reset', 'by': 'server'}),
             2: ('refused', {'tried': 'ask the server'})}

_LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z '
                   r'(?P<level>info|warning|error) (?P<event>\S+)(?P<rest>.*)')
_FIELD = re.compile(r'([a-z_0-9]+)=("[^"]*"|\S+)')
# valgrind(1) writes these about system calls that it does not know. The
# sandbox makes them.
_TOOL_NOTE = re.compile(r'--\d+-- ')
_EARLY_WARNING = re.compile(r'(srcproxy|\S+:\d+:\d+): (.*: )?warning: ')


def write_config(config, name='srcproxy.json'):
    """config is a dictionary or the text itself. Returns the path."""
    directory = tempfile.mkdtemp(dir=WORK)
    # Unprivileged daemons must be able to read it.
    os.chmod(directory, 0o755)
    path = os.path.join(directory, name)
    _write(path, config)
    return path


def _write(path, config):
    with open(path, 'w') as file:
        file.write(config if isinstance(config, str) else json.dumps(config))


class Event(dict):
    """An event in the log: its fields by name, its level and its own name."""

    def __init__(self, match):
        super().__init__((name, value.strip('"'))
                         for name, value in _FIELD.findall(match['rest']))
        self.level = match['level']
        self.name = match['event']

    def matches(self, name, fields):
        return self.name == name and all(
            _field_matches(self.get(field, ''), expected)
            for field, expected in fields.items())


def is_log_line(line):
    return _LINE.fullmatch(line) is not None


def _parse_events(lines):
    matches = (_LINE.fullmatch(line) for line in lines)
    return [Event(match) for match in matches if match]


def _field_matches(value, expected):
    if isinstance(expected, re.Pattern):
        return expected.search(value) is not None
    return value == expected


class Daemon:
    """A running half.

    A thread reads its log all the time, so no line is missed.
    """

    def __init__(self, host, role, config, wrapper=(), flags=(), **options):
        """wrapper: a command in front, for example setpriv(1).

        flags: options of the command itself.
        """
        self.host = host
        self.role = role
        self._changed = threading.Condition()
        self._lines = []
        self._rest = b''     # of a line that is not whole yet
        self._mark = 0
        self._log_has_ended = False
        self._was_awaited = False
        self._is_finished = False
        self.config_path = write_config(self._with_protocol(config),
                                        role + '.json')
        self.process = host.spawn(
            *UNDER, *wrapper, BINARY, *flags, role, self.config_path,
            **{'stdin': subprocess.DEVNULL, 'stderr': subprocess.PIPE,
               **options})
        if self.process.stderr:
            os.set_blocking(self.process.stderr.fileno(), False)
            threading.Thread(target=self._read_log, daemon=True).start()

    def _with_protocol(self, config):
        if self.role == 'client' and isinstance(config, dict):
            return {'protocol': PROTOCOL, **config}
        return config

    def _read_log(self):
        with self.process.stderr as log:
            poller = select.poll()
            poller.register(log, select.POLLIN)
            while not self._log_has_ended:
                poller.poll()
                with self._changed:
                    self._take_written()

    def _take_written(self):
        """Takes all that the daemon has written until now; with the lock."""
        if not self.process.stderr or self._log_has_ended:
            return
        with contextlib.suppress(BlockingIOError):
            while not self._log_has_ended:
                data = os.read(self.process.stderr.fileno(), 65536)
                *lines, self._rest = (self._rest + data).split(b'\n')
                self._log_has_ended = not data
                if self._log_has_ended and self._rest:
                    lines.append(self._rest)
                self._lines += (line.decode(errors='replace').rstrip()
                                for line in lines)
        self._changed.notify_all()

    def _written(self):
        with self._changed:
            self._take_written()
            return list(self._lines)

    @property
    def log(self):
        return '\n'.join(self._written())

    def log_tail(self):
        return '\n'.join(self._written()[-DIAGNOSTIC_LINES:])

    def warnings(self):
        """All warnings except those about an open configuration."""
        return [line for line in self._written()
                if ' warning ' in line and ' warning config ' not in line]

    def mark(self):
        """From now on, the lines logged before do not count."""
        self._mark = len(self._written())

    def lines_since_mark(self):
        return self._written()[self._mark:]

    def events(self, name):
        """All events of that name since the mark."""
        return [event for event in _parse_events(self.lines_since_mark())
                if event.name == name]

    def wait_for(self, name, **fields):
        """Returns the first matching event since the mark, or waits for it.

        The value of a field is the expected text, or a pattern to search for.
        """
        return self._wait_for_any([(name, fields)])

    def _wait_for_any(self, expected):
        deadline = time.monotonic() + TIMEOUT
        position = self._mark
        with self._changed:
            while True:
                for event in _parse_events(self._lines[position:]):
                    if any(event.matches(*pair) for pair in expected):
                        return event
                position = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0 or self._log_has_ended:
                    lines = ' or '.join(f'"{name}" with {fields}'
                                        for name, fields in expected)
                    raise AssertionError(
                        f'{self.role}: no line {lines} in the log')
                self._changed.wait(left)

    def wait_for_refusal(self, **fields):
        """Waits for a connection that the server half refuses the client."""
        versions = (1, 2) if PROTOCOL == 'auto' else (PROTOCOL,)
        return self._wait_for_any([
            (name, {**known, **fields})
            for name, known in (_REFUSALS[version] for version in versions)])

    def await_rest(self, port):
        """Waits until all connections have ended, and are logged.

        A peer sees the end of a connection before the half logs it. So events
        can be counted, and the log can be marked, only at rest. port is that of
        the listener.
        """
        wait_until(lambda: self._count_live(port) == 0,
                   f'{self.role}: the end of all connections')

    def _count_live(self, port):
        """A half counts a connection until its last line is written."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f'/run/srcproxy/{self.role}-{port}.sock')
            client.sendall(b'status\n')
            with client.makefile() as answer:
                return json.load(answer)['limits']['connections']

    def wait_for_line(self, pattern):
        """Waits for a line that is not an event. Returns the match."""
        return wait_until(lambda: re.search(pattern, self.log),
                          f'{self.role}: {pattern} in the log')

    def is_running(self):
        return self.process.poll() is None

    def thread_status(self, key):
        """The values of that field in /proc/PID/status of all threads."""
        values = set()
        for thread in os.listdir(f'/proc/{self.process.pid}/task'):
            path = f'/proc/{self.process.pid}/task/{thread}/status'
            with open(path) as file:
                values.update(re.findall(rf'^{key}:\s*(.*?)\s*$',
                                         file.read(), re.M))
        return values

    def heap_kib(self):
        """The resident size of the heap of malloc(3)."""
        with open(f'/proc/{self.process.pid}/smaps') as maps:
            heap = maps.read().partition('[heap]\n')[2]
        return int(re.search(r'^Rss: +(\d+) kB$', heap, re.M)[1])

    def descriptors(self):
        """Counts them, without the files that a lookup of a name reads.

        A half looks up its server's name at start, in a thread of its own.
        """
        directory = f'/proc/{self.process.pid}/fd'
        count = 0
        for number in os.listdir(directory):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(f'{directory}/{number}')
                count += not target.startswith('/etc/')
        return count

    def threads(self):
        return len(os.listdir(f'/proc/{self.process.pid}/task'))

    def send_signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        """Stops all threads until SIGCONT. Returns when all have stopped."""
        self.send_signal(signal.SIGSTOP)
        wait_until(lambda: self.thread_status('State') == {'T (stopped)'},
                   f'the {self.role} half has stopped')

    def reload(self, config):
        """Writes the file and sends SIGHUP. The log tells the result."""
        _write(self.config_path, self._with_protocol(config))
        self.send_signal(signal.SIGHUP)

    def wait(self):
        """Waits until the daemon has ended. Returns its exit status."""
        self._was_awaited = True
        try:
            status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            # The next daemon needs the port.
            self.process.kill()
            raise
        with self._changed:
            self._changed.wait_for(
                lambda: self._log_has_ended or not self.process.stderr,
                TIMEOUT)
        return status

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        return self.wait()

    def kill(self):
        self.stop(signal.SIGKILL)

    def finish(self):
        """Stops the daemon.

        Raises an error if the daemon failed and no test noticed.
        """
        if self._is_finished:
            return
        self._is_finished = True
        status = 0 if self._was_awaited else self.stop()
        if status:
            raise AssertionError(f'{self.role}: exit status {status}\n' +
                                 self.log_tail())
        strange = [line for line in self._written() if not is_log_line(line)
                   and not _EARLY_WARNING.match(line)
                   and not (UNDER and _TOOL_NOTE.match(line))]
        if strange:
            raise AssertionError(f'{self.role}: this is no log:\n' +
                                 '\n'.join(strange))
