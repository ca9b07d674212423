"""The stream through both halves: all bytes, both directions, half-closes."""

import os
import time

from cases import ProxyCase, Tproxy
from families import BOTH, IPV4, IPV6
from hosts import ESTABLISHED, is_kept_alive
from peers import (Flood, background, digest, end_stream, receive,
                   receive_all, send_and_end)
from rules import black_hole
from waiting import wait_until

MEBIBYTE = 1024 * 1024

# If the proxy held data back, nearly all turns would take 40 ms or more
# (delayed acknowledgements, tcp(7)). On a busy machine many turns take that
# long anyway.
CONNECTIONS = 3
TURNS = 100
SLOW_SECONDS = 0.035
SLOW_TURNS = CONNECTIONS * TURNS * 2 // 3


class Relay:

    def test_16_mib_each_way_at_once_with_a_half_close_in_the_middle(self):
        user, destination = self.open()
        question = os.urandom(16 * MEBIBYTE)
        answer = os.urandom(16 * MEBIBYTE)
        middle = len(answer) // 2
        answered = background(receive_all, user)
        asking = background(send_and_end, user, question)
        answering = background(destination.sendall, answer[:middle])
        self.assertEqual(digest(receive_all(destination)), digest(question))
        asking.result()
        answering.result()
        send_and_end(destination, answer[middle:])
        self.assertEqual(digest(answered.result()), digest(answer))

    def test_user_ends_first(self):
        user, destination = self.open()
        self.assert_half_close(user, destination)

    def test_destination_ends_first(self):
        user, destination = self.open()
        self.assert_half_close(destination, user)

    def assert_half_close(self, first, second):
        send_and_end(first, b'question')
        self.assertEqual(receive_all(second), b'question')
        for part in (b'answer', b'in', b'parts'):
            second.sendall(part)
            self.assertEqual(receive(first, len(part)), part)
        end_stream(second)
        self.assertEqual(receive_all(first), b'')
        for half in (self.client, self.server):
            half.wait_for('closed', end='eof')

    def test_stream_of_nothing(self):
        user, destination = self.open()
        end_stream(user)
        self.assertEqual(receive_all(destination), b'')
        end_stream(destination)
        self.assertEqual(receive_all(user), b'')
        self.server.wait_for('closed', end='eof', sent='0', received='0')

    def test_small_messages_are_not_held_back(self):
        slow = 0
        for _ in range(CONNECTIONS):
            user, destination = self.open()
            for _ in range(TURNS):
                started = time.monotonic()
                self.say_in_two_parts(user, destination)
                self.say_in_two_parts(destination, user)
                slow += time.monotonic() - started >= SLOW_SECONDS
                self.assertLess(slow, SLOW_TURNS)

    def say_in_two_parts(self, speaker, listener):
        """Nagle's algorithm would hold back the second part (tcp(7))."""
        speaker.sendall(b'1')
        speaker.sendall(b'2')
        self.assertEqual(receive(listener, 2), b'12')

    def test_user_may_end_before_the_destination_answers(self):
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        with black_hole(self.net.destination, self.family, to[1]):
            user = self.connect(self.net.user, to)
            wait_until(lambda: self.net.exit.is_dialling(to), 'it is dialled')
            send_and_end(user, b'early question')
        destination = self.accept(listener)
        self.assertEqual(receive_all(destination), b'early question')
        send_and_end(destination, b'late answer')
        self.assertEqual(receive_all(user), b'late answer')

    def test_stalled_user_does_not_hold_up_the_other_direction(self):
        user, destination = self.open()
        self.assert_not_held_up(stalled=user, flooder=destination)

    def test_stalled_destination_does_not_hold_up_the_other_direction(self):
        user, destination = self.open()
        self.assert_not_held_up(stalled=destination, flooder=user)

    def assert_not_held_up(self, stalled, flooder):
        flood = Flood(flooder)
        sent = -1
        # Stop when a round passes in which the flood could send nothing more:
        # all buffers on the way are full then.
        while sent != flood.sent:
            sent = flood.sent
            data = os.urandom(MEBIBYTE)
            sending = background(stalled.sendall, data)
            self.assertEqual(digest(receive(flooder, len(data))), digest(data))
            sending.result()
        arriving = background(receive_all, stalled)
        length = flood.stop()
        end_stream(flooder)
        self.assertEqual(len(arriving.result()), length)


class RelayIPv4(Relay, ProxyCase):
    family = IPV4


class RelayIPv6(Relay, ProxyCase):
    family = IPV6


class RelayTproxyIPv4(Tproxy, RelayIPv4):
    pass


class RelayTproxyIPv6(Tproxy, RelayIPv6):
    pass


class Keepalive:

    def test_all_four_sockets_are_kept_alive_in_time_for_firewalls(self):
        self.open()
        wait_until(self.are_kept_alive, 'four sockets with keepalive timers')

    def are_kept_alive(self):
        entries = [entry for host in (self.net.gate, self.net.exit)
                   for family in BOTH for entry in host.tcp_entries(family.af)
                   if entry.state == ESTABLISHED]
        return len(entries) == 4 and all(map(is_kept_alive, entries))


class KeepaliveIPv4(Keepalive, ProxyCase):
    family = IPV4


class KeepaliveIPv6(Keepalive, ProxyCase):
    family = IPV6
