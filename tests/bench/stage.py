"""A contender on its network, and the visits that measure it in turn."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time

import rules
from contenders import EXIT_PORT
from hosts import Network
from load import Load
from sandbox import WORK
from waiting import TIMEOUT, wait_until

CHECK_PORT = 8080
_CONGESTION_CONTROL = '/proc/sys/net/ipv4/tcp_congestion_control'
HALVES = ('gate', 'exit')


class Numbered:
    """Of several networks that exist at the same time."""

    def __init__(self, number):
        self._number = number
        super().__init__()

    def _add(self, name):
        return super()._add(f'{name}{self._number}')


class _Network(Numbered, Network):
    pass


class Stage:
    """The network of a contender; it exists as long as the benchmark runs."""

    def __init__(self, number, contender, family, accounting, generator):
        """generator: the words of its command."""
        self.name = contender.name
        self.contender = contender
        self.family = family
        self.accounting = accounting
        self.generator = generator
        self.network = _Network(number)
        self.hosts = {name: getattr(self.network, name)
                      for name in ('user', 'gate', 'exit', 'destination')}
        # As in README.md; otherwise each connection to the exit would search
        # thousands of ports in TIME_WAIT for a free one.
        self.network.gate.sysctl('ipv4/tcp_tw_reuse', 1)
        if contender.gate:
            contender.redirect(self.network.gate)
            rules.forbid_direct(self.network.gate)
            rules.deliver_prefix(self.network.exit)

    @property
    def congestion_control(self):
        return self.network.user.run('cat', _CONGESTION_CONTROL).stdout.strip()

    @congestion_control.setter
    def congestion_control(self, name):
        for host in self.hosts.values():
            host.run('sh', '-c', f'echo "$0" >{_CONGESTION_CONTROL}', name)

    def check_source(self):
        """Fails if the contender loses the source address."""
        at = (self.family.destination, CHECK_PORT)
        with Visit(self), self.network.destination.listen(*at) as listener, \
                self.network.user.connect(at) as user, \
                listener.accept()[0] as accepted:
            seen, wanted = accepted.getpeername()[:2], user.getsockname()[:2]
        if seen != wanted:
            raise AssertionError(f'{self.name}: the destination sees {seen} '
                                 f'instead of {wanted}')


class Visit:
    """The contender and the load generator's server run during a visit.

    Both are started anew for each visit, so that what one measurement leaves
    behind in them does not count for the next.
    """

    def __init__(self, stage, is_bare=False):
        """is_bare: without the contender."""
        self._stage = stage
        self._is_bare = is_bare or stage.contender.gate is None
        self._accounts = {}
        self._daemons = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        contender = self._stage.contender
        with contextlib.ExitStack() as stack:
            for name, host in self._stage.hosts.items():
                self._accounts[name] = self._stage.accounting.open(host)
                stack.callback(self._accounts[name].close)
            if not self._is_bare:
                self._start(stack, 'exit', contender.exit, EXIT_PORT)
                self._start(stack, 'gate', contender.gate,
                            rules.REDIRECT_PORT)
            server = stack.enter_context(self.load('serve', 'destination'))
            server.event()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception):
        self._stack.close()

    def _start(self, stack, name, command, port):
        daemon = Daemon(self._accounts[name], command)
        stack.callback(daemon.kill)
        daemon.wait_for_listener(self._stage.hosts[name], port)
        self._daemons[name] = daemon

    def load(self, mode, host='user', **options):
        """Starts the load generator in that mode on that host."""
        return Load(self._accounts[host], self._stage.generator, mode,
                    self._stage.family.destination, options)

    def exit_config(self):
        """The path of the configuration; srcproxy only."""
        return self._stage.contender.exit.split()[-1]

    def replace_exit(self):
        """Replaces the server half; srcproxy only.

        Returns the memory of the old process, and the most of both together.
        """
        account = self._accounts['exit']
        command = self._stage.contender.exit.replace(
            ' server ', ' --replace server ')
        old = self._daemons['exit']
        most = before = account.memory_bytes()
        new = Daemon(account, command)
        self._stack.callback(new.kill)
        deadline = time.monotonic() + TIMEOUT
        while old.is_running():
            most = max(most, account.memory_bytes())
            if time.monotonic() > deadline:
                raise AssertionError(f'{command}: nothing was handed over\n'
                                     f'{new.output()}')
            time.sleep(0.002)
        return before, most

    def on_exit(self, command):
        """Runs a command of sh(1) on the exit, outside of the accounts."""
        self._stage.hosts['exit'].run('sh', '-c', command)

    @contextlib.contextmanager
    def repeating(self, command, seconds):
        """Starts a command of sh(1) on the exit that often meanwhile."""
        loop = self._stage.hosts['exit'].spawn(
            'sh', '-c', f'while :; do {command} & sleep {seconds}; done',
            start_new_session=True)
        try:
            yield
        finally:
            os.killpg(loop.pid, signal.SIGKILL)
            loop.wait(TIMEOUT)

    def cpu_seconds(self):
        """Of both halves."""
        return sum(self._accounts[name].cpu_seconds() for name in HALVES)

    def memory_bytes(self):
        """Of both halves."""
        return sum(self._accounts[name].memory_bytes() for name in HALVES)

    def tracked(self):
        """How many connections the firewall of the gate tracks."""
        return self._stage.hosts['gate'].tracked()

    def generator_cpu_seconds(self):
        return sum(self._accounts[name].cpu_seconds()
                   for name in ('user', 'destination'))


class Daemon:
    """One half, with all of its processes."""

    def __init__(self, account, command):
        """account: or the host."""
        self._command = command
        # Not a pipe: it would not be read while the load generator runs.
        self._output = tempfile.TemporaryFile('w+', dir=WORK)
        self._process = account.spawn(
            'sh', '-c', command, stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=self._output, start_new_session=True)

    def wait_for_listener(self, host, port):
        def listens_or_ended():
            if not self.is_running():
                raise AssertionError(
                    f'{self._command}: exit status '
                    f'{self._process.returncode}\n{self.output()}')
            # Not /proc/net/tcp, which may list thousands of connections.
            return host.run('ss', '-Hltn', f'sport = :{port}').stdout

        wait_until(listens_or_ended, f'{self._command}: a listener on port '
                   f'{port} of {host.name}')

    def is_running(self):
        return self._process.poll() is None

    def output(self):
        self._output.seek(0)
        return self._output.read()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT)
        self._output.close()
