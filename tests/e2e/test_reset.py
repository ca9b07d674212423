"""An incomplete stream never looks complete: resets are passed on."""

import contextlib
import threading

from cases import ProxyCase, Tproxy
from families import IPV4, IPV6
from peers import (CHUNK, Flood, background, digest, end_stream, receive,
                   receive_all, receive_until_reset, reset, wait_until_dead,
                   wait_until_taken)

MEBIBYTE = 1024 * 1024
SLOW_SECONDS = 0.002

# Chance decides which of a relay's threads is told of the reset.
FLOODS = 40


class Reset:

    def test_reset_by_the_user(self):
        user, destination = self.open()
        reset(user)
        self.assertEqual(receive_until_reset(destination), b'')
        self.client.wait_for('closed', end='reset', by='user')
        self.server.wait_for('closed', end='reset', by='client')

    def test_reset_by_the_destination(self):
        user, destination = self.open()
        reset(destination)
        self.assertEqual(receive_until_reset(user), b'')
        self.server.wait_for('closed', end='reset', by='destination')
        self.client.wait_for('closed', end='reset', by='server')

    def test_reset_by_a_peer_is_no_error_in_the_log(self):
        user, _ = self.open()
        reset(user)
        for half in (self.client, self.server):
            self.assertEqual(half.wait_for('closed').level, 'info')

    def test_all_that_the_destination_sent_arrives_before_its_reset(self):
        user, destination = self.open()
        self.assert_arrives_before_reset(destination, user)

    def test_all_that_the_user_sent_arrives_before_their_reset(self):
        user, destination = self.open()
        self.assert_arrives_before_reset(user, destination)

    def assert_arrives_before_reset(self, sender, receiver):
        data = bytes(range(256)) * (3 * MEBIBYTE // 256)
        is_reset = threading.Event()
        arriving = background(receive_slowly, receiver, is_reset)
        sender.sendall(data)
        # A reset discards bytes that are still in the sender's own kernel.
        wait_until_taken(sender)
        reset(sender)
        is_reset.set()
        self.assertEqual(digest(arriving.result()), digest(data))

    def test_reset_by_the_destination_after_the_user_has_ended(self):
        user, destination = self.open()
        end_stream(user)
        receive_all(destination)
        destination.sendall(b'half an ans')
        wait_until_taken(destination)
        reset(destination)
        self.assertEqual(receive_until_reset(user), b'half an ans')

    def test_reset_by_the_user_after_the_destination_has_ended(self):
        user, destination = self.open()
        end_stream(destination)
        receive_all(user)
        user.sendall(b'half a quest')
        wait_until_taken(user)
        reset(user)
        self.assertEqual(receive_until_reset(destination), b'half a quest')

    def test_reset_by_the_user_after_having_ended(self):
        user, destination = self.open()
        end_stream(user)
        receive_all(destination)
        reset(user)
        wait_until_dead(destination)

    def test_reset_by_the_destination_after_having_ended(self):
        user, destination = self.open()
        end_stream(destination)
        receive_all(user)
        reset(destination)
        wait_until_dead(user)

    def test_reset_by_a_user_whom_the_destination_floods(self):
        for number in range(FLOODS):
            user, destination = self.open()
            self.assert_flood_is_reset(destination, user, number)

    def test_reset_by_a_destination_that_the_user_floods(self):
        for number in range(FLOODS):
            user, destination = self.open()
            self.assert_flood_is_reset(user, destination, number)

    def assert_flood_is_reset(self, flooder, receiver, number):
        flood = Flood(flooder)
        receive(receiver, 1 + number * CHUNK // 4)
        reset(receiver)
        flood.assert_reset()


def receive_slowly(connection, hurry):
    """Reads slowly until the reset: much is still on its way when it comes.

    On a busy machine the reset may be here before this is told to hurry.
    """
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while True:
            hurry.wait(SLOW_SECONDS)
            piece = connection.recv(CHUNK // 4)
            if not piece:
                raise AssertionError('a clean end of file, not a reset')
            data += piece
    return bytes(data)


class ResetIPv4(Reset, ProxyCase):
    family = IPV4


class ResetIPv6(Reset, ProxyCase):
    family = IPV6


class ResetTproxyIPv4(Tproxy, ResetIPv4):
    pass


class ResetTproxyIPv6(Tproxy, ResetIPv6):
    pass
