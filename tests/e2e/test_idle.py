"""Both ends are reset if nothing moves, and only then."""

import select

from cases import ProxyCase, Tproxy
from families import IPV4, IPV6, endpoint
from hosts import CLOSING, FIN_WAIT1, LAST_ACK, Network
from peers import (Flood, background, digest, end_stream, receive,
                   receive_all, receive_until_reset, send_and_end,
                   wait_until_dead)
from waiting import wait_until

TIMEOUT = '1s'
TICK_SECONDS = 0.1
SLOW_BYTES = 16 * 1024
FINITE_BYTES = 1024 * 1024
QUEUED_BYTES = 2 * 1024 * 1024

# A half learns that a slow reader reads only when the next host announces a
# window again. That host announces at least a sixteenth of its receive buffer,
# once a third of its send buffer is free. If buffers have megabytes, this is
# more than a slow reader takes in a second.
SMALL_BUFFERS = '4096 16384 65536'
# Large enough for QUEUED_BYTES from the beginning.
LARGE_BUFFERS = '4096 4194304 4194304'


class Idle:
    """One half has the limit, so this half must notice."""

    def assert_logged(self, user=None):
        """user: the user's end of the connection that was idle."""
        source = {'source': endpoint(*user.getsockname()[:2])} if user else {}
        self.limited().wait_for('closed', end='idle', **source)

    def let_time_pass(self, tick):
        """Lets three times the limit pass, by silent connections in a row."""
        for _ in range(3):
            silent, _ = self.open()
            wait_until(lambda: tick() or is_readable(silent),
                       'a silent connection is reset')
            self.assertEqual(receive_until_reset(silent), b'')

    def test_silent_connection_is_reset_at_both_ends(self):
        user, destination = self.open()
        self.assertEqual(receive_until_reset(user), b'')
        self.assertEqual(receive_until_reset(destination), b'')
        self.assert_logged()

    def test_connection_that_falls_silent_is_reset(self):
        user, destination = self.open()
        user.sendall(b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive_until_reset(user), b'answer')
        self.assertEqual(receive_until_reset(destination), b'question')
        self.assert_logged()

    def test_half_closed_connection_that_falls_silent_is_reset(self):
        user, destination = self.open()
        end_stream(user)
        receive_all(destination)
        self.assertEqual(receive_until_reset(user), b'')
        wait_until_dead(destination)
        self.assert_logged()

    def test_reader_that_has_stopped_is_idle(self):
        user, destination = self.open()
        flood = Flood(destination)
        flood.assert_reset()
        receive_until_reset(user)
        self.assert_logged()

    def test_one_way_transfer_is_not_idle(self):
        user, up = self.open()
        down, destination = self.open()
        ticks = []

        def tick():
            ticks.append(b'.')
            user.sendall(b'.')
            destination.sendall(b'.')

        self.let_time_pass(tick)
        for receiver in (up, down):
            self.assertEqual(receive(receiver, len(ticks)), b''.join(ticks))

    def test_slow_reader_is_not_idle(self):
        endless, destination = self.open()
        flood = Flood(destination)
        # A stream is not idle either if all its bytes are sent, and only the
        # kernels still carry them.
        finite, destination = self.open()
        sending = background(send_and_end, destination, bytes(FINITE_BYTES))
        received = []

        def tick():
            receive(endless, SLOW_BYTES)
            received.append(receive(finite, SLOW_BYTES))

        self.let_time_pass(tick)
        self.assertTrue(flood.is_alive(), 'a slow reader was taken for idle')
        received.append(receive_all(finite))
        self.assertEqual(digest(b''.join(received)),
                         digest(bytes(FINITE_BYTES)))
        sending.result()


    def end_both(self, length):
        """Both ends have ended; the user has to read most of the data."""
        user, destination = self.open()
        end_stream(user)
        receive_all(destination)
        send_and_end(destination, bytes(length))
        return user

    def test_reader_that_has_stopped_after_both_ends_is_idle(self):
        user = self.end_both(QUEUED_BYTES)
        self.assert_logged(user)
        wait_until(lambda: not self.is_queued(), 'the kernel has no queue')
        self.assertLess(len(receive_until_reset(user)), QUEUED_BYTES)

    def is_queued(self):
        """Tells whether a host's kernel still sends what the halves left."""
        return any(entry.state in (FIN_WAIT1, LAST_ACK, CLOSING)
                   for host in (self.net.gate, self.net.exit)
                   for entry in host.tcp_entries(self.family.af))

    def test_slow_reader_is_not_idle_after_both_ends(self):
        user = self.end_both(QUEUED_BYTES)
        received = []
        self.let_time_pass(
            lambda: received.append(receive(user, SLOW_BYTES)))
        received.append(receive_all(user))
        self.assertEqual(digest(b''.join(received)),
                         digest(bytes(QUEUED_BYTES)))


def is_readable(connection):
    return bool(select.select([connection], [], [], TICK_SECONDS)[0])


def shrink_buffers(host):
    for name in ('tcp_rmem', 'tcp_wmem'):
        host.sysctl('ipv4/' + name, SMALL_BUFFERS)


def make_network_with_room(name):
    """A network with large send buffers.

    A connection inherits the buffer size that its listener had when it was
    made.
    """
    network = Network()
    getattr(network, name).sysctl('ipv4/tcp_wmem', LARGE_BUFFERS)
    return network


class IdleAtServer(Idle):
    server_config = {'timeout': TIMEOUT}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shrink_buffers(cls.net.gate)

    @staticmethod
    def make_network():
        return make_network_with_room('exit')

    def limited(self):
        return self.server


class IdleAtClient(Idle):
    client_config = {'timeout': TIMEOUT}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shrink_buffers(cls.net.user)

    @staticmethod
    def make_network():
        return make_network_with_room('gate')

    def limited(self):
        return self.client


class IdleAtServerIPv4(IdleAtServer, ProxyCase):
    family = IPV4


class IdleAtServerIPv6(IdleAtServer, ProxyCase):
    family = IPV6


class IdleAtClientIPv4(IdleAtClient, ProxyCase):
    family = IPV4


class IdleAtClientIPv6(IdleAtClient, ProxyCase):
    family = IPV6


class IdleAtClientTproxyIPv4(Tproxy, IdleAtClientIPv4):
    pass
