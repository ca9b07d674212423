"""Faults of the machine and the network; see FAULTS.md."""

import contextlib
import os
import signal
import time

from cases import SERVER_PORT, ProxyCase, RoutedCase
from cgroup import limit_threads
from families import IPV4
from peers import (background, digest, receive, receive_all,
                   receive_until_reset, reset, send_in_pieces)
from rules import REDIRECT_PORT
from waiting import wait_until

MEBIBYTE = 1024 * 1024

COMERS = 20
DESCRIPTORS = 20
THREADS = 13
# With the default limit connections would wait for one another, and nothing
# would run out.
TOO_MANY = {'max_connections': 1000}
# The log shows this many lines of a kind in ten seconds.
LINES = 10
LOOK_S = 1
STORM = 300


def cpu_seconds(daemon):
    """The processor time of all threads, exact to the nanosecond."""
    total = 0
    for thread in os.listdir(f'/proc/{daemon.process.pid}/task'):
        # A thread that ends meanwhile has no file any more.
        with contextlib.suppress(OSError):
            path = f'/proc/{daemon.process.pid}/task/{thread}/schedstat'
            with open(path) as file:
                total += int(file.read().split()[0])
    return total / 1e9


class Starved:
    """The half can serve only a few of two dozen connections."""

    family = IPV4

    def test_client_half(self):
        self.start_server()
        self.assert_survives(self.start_starved(self.start_client))

    def test_server_half(self):
        server = self.start_starved(self.start_server)
        self.start_client()
        self.assert_survives(server)

    def assert_survives(self, half):
        before = half.descriptors()
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        served = [self.open(listener) for _ in range(3)]
        # A connection has all of its threads once it carries both ways.
        for user, destination in served:
            self.assert_carries(user, destination)
        waiting = []
        for _ in range(COMERS):
            # The reset may come before connect(2) has returned.
            with contextlib.suppress(ConnectionResetError):
                waiting.append(self.connect(self.net.user, to))
        half.wait_for_line('error cannot (accept|start a thread) with ')
        self.assert_rests(half)
        for user, destination in served:
            self.assert_carries(user, destination)
            reset(user)
        for user in waiting:
            reset(user)
        wait_until(lambda: half.descriptors() == before,
                   f'{before} descriptors again')
        self.assert_proxies()
        # There are at most two kinds of errors: connections that are not
        # accepted, and refused ones.
        self.assertLessEqual(half.log.count('Z error '), 2 * LINES)

    def assert_carries(self, user, destination):
        for speaker, listener in ((user, destination), (destination, user)):
            speaker.sendall(b'still there?')
            self.assertEqual(receive(listener, 12), b'still there?')

    def assert_rests(self, half):
        """The half uses hardly any processor time when nothing happens.

        Connections that it accepted need some time once, to settle.
        """
        wait_until(lambda: self.look_at(half) < LOOK_S / 100,
                   'a while of less than 1 % of a processor')

    @staticmethod
    def look_at(half):
        before = cpu_seconds(half)
        # The test measures the processor time of this period.
        time.sleep(LOOK_S)
        return cpu_seconds(half) - before


class NoDescriptorsLeft(Starved, RoutedCase):

    def start_starved(self, start):
        return start(TOO_MANY,
                     wrapper=('prlimit', f'--nofile={DESCRIPTORS}'))


class NoThreadsLeft(Starved, RoutedCase):
    """A real limit by pids.max."""

    def start_starved(self, start):
        cgroup = limit_threads(THREADS)
        if not cgroup:
            self.skipTest('no control group can limit threads here')
        self.addCleanup(cgroup.remove)
        half = start(TOO_MANY, wrapper=cgroup.wrapper)
        half.wait_for_line('warning max_connections=1000 is more than this '
                           f'host allows .*: raise {cgroup.path}')
        return half


class Network(ProxyCase):
    family = IPV4

    def assert_carries(self, user, destination):
        """Sends a mebibyte each way, then ends both streams."""
        question, answer = os.urandom(MEBIBYTE), os.urandom(MEBIBYTE)
        asking = background(send_in_pieces, user, question)
        answering = background(send_in_pieces, destination, answer)
        asked = background(receive_all, destination)
        self.assertEqual(digest(receive_all(user)), digest(answer))
        self.assertEqual(digest(asked.result()), digest(question))
        asking.result()
        answering.result()

    def rule(self, host, *rule):
        """Adds a rule for the rest of the test."""
        host.run('iptables', '-t', 'mangle', '-A', *rule)
        self.addCleanup(host.run, 'iptables', '-t', 'mangle', '-D', *rule)

    def send_one_segment_at_a_time(self):
        """Without this a packet has dozens of segments, so few are lost."""
        for host, link in ((self.net.user, 'eth0'), (self.net.gate, 'users0'),
                           (self.net.gate, 'link0'), (self.net.exit, 'link0'),
                           (self.net.exit, 'out0'),
                           (self.net.destination, 'eth0')):
            host.ip(f'link set {link} gso_max_segs 1')
            self.addCleanup(host.ip, f'link set {link} gso_max_segs 65535')

    def test_packets_that_are_lost_are_sent_again(self):
        self.send_one_segment_at_a_time()
        user, destination = self.open()
        for host in (self.net.gate, self.net.exit):
            self.rule(host, 'INPUT', '-p', 'tcp', '-m', 'statistic', '--mode',
                      'nth', '--every', '20', '--packet', '0', '-j', 'DROP')
        self.assert_carries(user, destination)

    def test_packets_that_come_twice_count_once(self):
        user, destination = self.open()
        self.rule(self.net.gate, 'POSTROUTING', '-p', 'tcp', '-o', 'link0',
                  '-j', 'TEE', '--gateway', IPV4.exit_link)
        self.assert_carries(user, destination)

    def test_socket_that_the_kernel_aborts_is_a_reset_for_both(self):
        user, destination = self.open()
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        self.net.exit.run('ss', '-K', 'dst', self.family.destination,
                          'dport', '=', str(destination.getsockname()[1]))
        receive_until_reset(destination)
        receive_until_reset(user)
        self.server.wait_for('closed', end='reset', by='destination')
        self.assert_proxies()

    def test_listener_that_the_kernel_aborts_listens_again(self):
        for half, port in ((self.server, SERVER_PORT),
                           (self.client, REDIRECT_PORT)):
            half.host.run('ss', '-lK', 'sport', '=', str(port))
            half.wait_for_line('error another process shut the listener down')
            half.host.wait_for_listener(port)
        self.assert_proxies()

    def test_signals_that_mean_nothing_do_nothing(self):
        user, destination = self.open()
        carrying = background(self.assert_carries, user, destination)
        for _ in range(STORM):
            for half in (self.client, self.server):
                for number in (signal.SIGPIPE, signal.SIGUSR1,
                               signal.SIGURG, signal.SIGCHLD):
                    half.send_signal(number)
        carrying.result()
