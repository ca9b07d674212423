"""When nothing moves both ends are reset; as long as something does, not."""

import select

from cases import ProxyCase
from families import IPV4, IPV6
from peers import (Flood, end_stream, receive, receive_all,
                   receive_until_reset, wait_until_dead)
from waiting import wait_until

TIMEOUT = '1s'
TICK_SECONDS = 0.1
SLOW_BYTES = 16 * 1024

# The exit learns of a slow reader only when the gate announces a window again:
# a sixteenth of its receive buffer, once a third of its send buffer is free.
# Of buffers of megabytes that is more than a slow reader takes in a second.
SMALL_BUFFERS = '4096 16384 65536'


class Idle:
    """One half has the limit, and is the one to notice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.gate.sysctl('ipv4/tcp_wmem', SMALL_BUFFERS)
        cls.net.gate.sysctl('ipv4/tcp_rmem', SMALL_BUFFERS)

    def assert_logged(self):
        self.limited().wait_for('closed', end='idle')

    def let_time_pass(self, tick):
        """Thrice the limit, as told by connections that run into it."""
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

    def test_whatever_moves_is_not_idle(self):
        up_user, up_destination = self.open()
        down_user, down_destination = self.open()
        slow_user, slow_destination = self.open()
        flood = Flood(slow_destination)
        ticks = []

        def tick():
            ticks.append(b'.')
            up_user.sendall(b'.')
            down_destination.sendall(b'.')
            receive(slow_user, SLOW_BYTES)

        self.let_time_pass(tick)
        for receiver in (up_destination, down_user):
            self.assertEqual(receive(receiver, len(ticks)), b''.join(ticks))
        self.assertTrue(flood.is_alive(), 'a slow reader was taken for idle')


def is_readable(connection):
    return bool(select.select([connection], [], [], TICK_SECONDS)[0])


class IdleAtServer(Idle):
    server_config = {'timeout': TIMEOUT}

    def limited(self):
        return self.server


class IdleAtClient(Idle):
    client_config = {'timeout': TIMEOUT}

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
