"""Resources that really run out, for a user or a host; see FAULTS.md."""

import contextlib
import os
import re
import signal
import subprocess
import sys

from cases import ProxyCase, RoutedCase
from cgroup import limit_memory, limit_threads
from families import IPV4
from peers import (Flood, background, digest, receive, receive_all,
                   receive_until_reset, reset, send_and_end)
from test_faults import Starved, TOO_MANY
from waiting import wait_until

MEBIBYTE = 1024 * 1024

# No other process has this user, so no other process uses its limits of
# processes and pipes. The kernel counts both across the whole host, so tests
# that run at the same time need different users. Each run is process 1 of a
# process namespace, and the number of that namespace is unique.
USER = str(20000 + os.stat('/proc/self/ns/pid').st_ino % 30000)
AS_USER = ('setpriv', '--reuid', USER, '--regid', USER, '--clear-groups')
WITH_CAPABILITIES = (*AS_USER, '--inh-caps', '-all,+net_raw',
                     '--ambient-caps', '-all,+net_raw')
AND_DROPS_ROOT = {'flags': ('-u', f'{USER}:{USER}')}

PROCESSES = 13
# The same value as in src/process/limits.c.
RESERVE = 32
SHARED_PARTS = 3
OTHERS = 20
ALLOWED = 300
# The commands of a user who logs in while all connections are taken. The shell
# waits for its processes, because process 1 of the tests does not. A process
# that nobody waits for still counts.
LOGIN = ('trap "kill \\$all; wait" EXIT; for i in $(seq 100); '
         'do sleep 60 >/dev/null 2>&1 & all="$all $!"; done')

MEMORY = 8 * MEBIBYTE
MEMORY_COMERS = 3000

LITTLE_MEMORY = 64 * MEBIBYTE
LITTLE_MEMORY_COMERS = 1500
PIECE = 16 * 1024

# pipe(7): if a user has more pipes than this, further ones are small.
PIPES = 1024
HOLD_PIPES = """
import os, sys
pipes = [os.pipe() for _ in range(int(sys.argv[1]))]
print(flush=True)
sys.stdin.read()
"""


class NoProcessesLeft(Starved, RoutedCase):
    """A real RLIMIT_NPROC: the user may start no more threads."""

    def start_starved(self, start):
        return start(TOO_MANY, wrapper=(
            'prlimit', f'--nproc={PROCESSES}', *WITH_CAPABILITIES))


class Processes(RoutedCase):
    """max_connections leaves out what other processes of the user take."""

    family = IPV4

    def setUp(self):
        super().setUp()
        for _ in range(OTHERS):
            process = subprocess.Popen([*AS_USER, 'sleep', 'infinity'])
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            wait_until(lambda: user_of(process) == USER, 'another user')

    def assert_counted(self, wrapper=(), **options):
        client = self.start_client(
            wrapper=('prlimit', f'--nproc={ALLOWED}', *wrapper), **options)
        # The main thread of the half is one of the processes.
        client.wait_for(
            'limit', bounded_by='ulimit -u',
            max_connections=str((ALLOWED - OTHERS - 1 - RESERVE) // 2
                                // SHARED_PARTS))

    def test_user_who_starts_it(self):
        self.assert_counted(AS_USER)

    def test_user_that_root_makes_it(self):
        self.assert_counted(**AND_DROPS_ROOT)


class FewProcesses(RoutedCase):
    """With a limit of 300, some processes are left for other work."""

    family = IPV4

    def assert_login_works_while_it_is_full(self, pattern, wrapper):
        server = self.start_server(wrapper=wrapper)
        self.start_client()
        most = int(server.wait_for('limit', bounded_by=re.compile(pattern))
                   ['max_connections'])
        server.wait_for_line(f'warning max_connections={most} is all that '
                             f'.*{pattern} .* raise it, or accept')
        self.assertGreater(most, 20)
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        users = [self.connect(self.net.user, to) for _ in range(2 * most)]
        served = [self.accept(listener) for _ in range(most)]
        server.wait_for('full', connections=str(most))
        self.net.exit.run(*wrapper, 'sh', '-c', LOGIN)
        # Reset all at once: a thread is found only while others still end.
        for end in users + served:
            reset(end)
        for half in self.test_daemons:
            half.mark()
        self.assert_proxies()
        self.assertNotIn('cannot start a thread', server.log)

    def test_of_a_control_group(self):
        cgroup = limit_threads(ALLOWED)
        if not cgroup:
            self.skipTest('no control group can limit threads here')
        self.addCleanup(cgroup.remove)
        self.assert_login_works_while_it_is_full('pids.max', cgroup.wrapper)

    def test_of_a_user(self):
        self.assert_login_works_while_it_is_full(
            'ulimit -u', ('prlimit', f'--nproc={ALLOWED}',
                          *WITH_CAPABILITIES))


def user_of(process):
    with open(f'/proc/{process.pid}/status') as file:
        return re.search(r'^Uid:\t(\d+)', file.read(), re.M)[1]


class NoMemoryLeft(RoutedCase):
    """A real memory limit of a cgroup, at which the kernel kills the half.

    Where no cgroup can limit memory, the test sends that signal itself.
    """

    family = IPV4

    def test_other_half_and_its_users_see_no_clean_end(self):
        for role in ('server', 'client'):
            with self.subTest(half=role):
                self.assert_killed(role)

    def assert_killed(self, role):
        cgroup = limit_memory(MEMORY)
        options = {role: {
            # By default it would take as many connections as the memory
            # allows.
            'config': {'max_connections': MEMORY_COMERS},
            **({'wrapper': cgroup.wrapper} if cgroup else {})}}
        halves = {'server': self.start_server(**options.get('server', {})),
                  'client': self.start_client(**options.get('client', {}))}
        victim = halves.pop(role)
        survivor, = halves.values()
        before = survivor.descriptors()
        user, destination = self.open()
        self.exhaust(victim, cgroup)
        self.assertEqual(victim.wait(), -signal.SIGKILL)
        self.assertEqual(receive_until_reset(user), b'')
        self.assertEqual(receive_until_reset(destination), b'')
        wait_until(lambda: survivor.descriptors() == before,
                   f'{before} descriptors again')
        getattr(self, 'start_' + role)()
        self.assert_proxies()
        for half in self.test_daemons:
            half.finish()
        if cgroup:
            cgroup.remove()

    def exhaust(self, victim, cgroup):
        """Uses up memory by connections whose destination does not read."""
        if not cgroup:
            victim.send_signal(signal.SIGKILL)
            return
        listener = self.listen_at_destination()
        listener.listen(MEMORY_COMERS)
        for _ in range(MEMORY_COMERS):
            if not victim.is_running():
                return
            with contextlib.suppress(OSError):
                self.connect(self.net.user, listener.getsockname()[:2])


class LittleMemory(RoutedCase):
    """A small container has enough memory for any number of connections."""

    family = IPV4

    def test_flood(self):
        for role in ('server', 'client'):
            with self.subTest(half=role):
                self.assert_survives(role)

    def assert_survives(self, role):
        cgroup = limit_memory(LITTLE_MEMORY)
        if not cgroup:
            self.skipTest('no control group can limit memory here')
        options = {role: {'wrapper': cgroup.wrapper}}
        halves = {'server': self.start_server(**options.get('server', {})),
                  'client': self.start_client(**options.get('client', {}))}
        most = int(halves[role].wait_for(
            'limit', bounded_by=re.compile('memory'))['max_connections'])
        self.assertGreater(most, 100)
        listener = self.listen_at_destination()
        listener.listen(LITTLE_MEMORY_COMERS)
        to = listener.getsockname()[:2]
        users = []
        for _ in range(LITTLE_MEMORY_COMERS):
            users.append(self.connect(self.net.user, to))
            users[-1].sendall(bytes(PIECE))
        served = [self.accept(listener) for _ in range(most)]
        for destination in served:
            destination.sendall(bytes(PIECE))
        for destination in served:
            self.assertEqual(receive(destination, PIECE), bytes(PIECE))
        halves[role].wait_for('full', connections=str(most))
        for end in users + served:
            reset(end)
        listener.close()
        self.assert_proxies()
        for half in halves.values():
            half.finish()
        cgroup.remove()


class NoPipesLeft(RoutedCase):
    """The user has more pipes than pipe-user-pages-soft allows.

    The limit does not hold for root, nor for root's capabilities.
    """

    family = IPV4

    def hold_pipes(self):
        holder = subprocess.Popen(
            ['prlimit', f'--nofile={2 * PIPES + 100}', *AS_USER,
             sys.executable, '-c', HOLD_PIPES, str(PIPES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.communicate)
        holder.stdout.readline()
        return holder

    def pipes(self, half):
        """The names of the half's pipes; each has the inode."""
        folder = f'/proc/{half.process.pid}/fd'
        found = set()
        for number in os.listdir(folder):
            # The half may have closed the descriptor meanwhile.
            with contextlib.suppress(OSError):
                found.add(os.readlink(f'{folder}/{number}'))
        return {path for path in found if path.startswith('pipe:')}

    def assert_carries(self):
        user, destination = self.open()
        data = os.urandom(8 * MEBIBYTE)
        asking = background(send_and_end, user, data)
        self.assertEqual(digest(receive_all(destination)), digest(data))
        asking.result()
        send_and_end(destination, data[:MEBIBYTE])
        self.assertEqual(digest(receive_all(user)), digest(data[:MEBIBYTE]))

    def test_bulk_goes_on_without_and_they_return(self):
        server = self.start_server(**AND_DROPS_ROOT)
        self.start_client()
        before = self.pipes(server)
        holder = self.hold_pipes()
        user, destination = self.open()
        floods = [Flood(user)]
        receive(destination, 8 * MEBIBYTE)
        self.assertEqual(self.pipes(server), before)
        self.assert_carries()
        holder.communicate()
        user, destination = self.open()
        floods.append(Flood(user))
        receive(destination, 8 * MEBIBYTE)
        self.assertGreater(self.pipes(server), before)
        self.assert_carries()
        self.assertTrue(all(flood.is_alive() for flood in floods))


class NoPortsLeft(ProxyCase):
    """A host with four ports for one peer.

    Of three ports the kernel would use only two.
    """

    family = IPV4
    server_config = {'source_port': 'any'}
    PORTS = 4

    def few_ports(self, host):
        name = 'ipv4/ip_local_port_range'
        host.sysctl(name, '50000 50003')
        self.addCleanup(host.sysctl, name, '32768 60999')

    def assert_recovers(self, half, pattern):
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        served = [self.open(listener) for _ in range(self.PORTS)]
        for _ in range(2):
            self.assert_reset(self.net.user, to)
        half.wait_for('refused', reason=re.compile(pattern))
        for user, destination in served:
            user.sendall(b'still there?')
            self.assertEqual(receive(destination, 12), b'still there?')
        user, destination = served.pop()
        reset(user)
        receive_until_reset(destination)
        half.wait_for('closed')
        self.open(listener)

    def test_exit(self):
        self.few_ports(self.net.exit)
        self.assert_recovers(self.server, 'no port left')

    def test_gate(self):
        self.few_ports(self.net.gate)
        self.assert_recovers(self.client, 'no port .*ip_local_port_range')
