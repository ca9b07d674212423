"""No data is held back: writes of any size and rhythm arrive at once.

Nagle's algorithm, delayed acknowledgements and corking cause a delay of 40 ms
or 200 ms (tcp(7)) on every machine. A busy machine also causes delays, at
random. So each kind of turn is repeated, and the median counts.
"""

import statistics
import time

from cases import ProxyCase
from families import IPV4, IPV6
from peers import background, receive

# Sizes close to those of segments, pages, buffers and pipes.
SIZES = (1, 2, 100, 1427, 1428, 1429, 1447, 1448, 1449, 4095, 4096, 4097,
         8192, 16384, 20000, 65535, 65536, 65537, 131072, 262144)
TURNS = 5
STALL_SECONDS = 0.035
PAUSE_SECONDS = 0.001


def whole(data):
    return [data]


def first_byte_apart(data):
    return [data[:1], data[1:]]


def last_byte_apart(data):
    return [data[:-1], data[-1:]]


def halves(data):
    middle = len(data) // 2
    return [data[:middle], data[middle:]]


RHYTHMS = (whole, first_byte_apart, last_byte_apart, halves)


class Latency:
    """The tests' own ends hold nothing back: see Host.socket()."""

    def test_a_new_connection_for_each_size(self):
        for size in SIZES:
            self.assert_no_stall(self.open, size, 0)

    def test_one_connection_for_all_sizes_and_rhythms(self):
        ends = self.open()
        for size in SIZES:
            self.assert_no_stall(lambda: ends, size, 0)

    def test_one_connection_with_pauses(self):
        ends = self.open()
        for size in SIZES:
            self.assert_no_stall(lambda: ends, size, PAUSE_SECONDS)

    def assert_no_stall(self, open_ends, size, pause):
        data = bytes(size)
        for rhythm in RHYTHMS:
            parts = [part for part in rhythm(data) if part]
            user, destination = open_ends()
            for speaker, listener in ((user, destination),
                                      (destination, user)):
                middle = statistics.median(
                    self.turn(speaker, listener, parts, pause)
                    for _ in range(TURNS))
                self.assertLess(middle, STALL_SECONDS,
                                f'{size} bytes, {rhythm.__name__}')

    def turn(self, speaker, listener, parts, pause):
        """Returns the seconds beyond the pauses."""
        length = sum(map(len, parts))
        started = time.monotonic()
        saying = background(self.say, speaker, parts, pause)
        self.assertEqual(len(receive(listener, length)), length)
        seconds = time.monotonic() - started
        saying.result()
        return seconds - pause * len(parts)

    def say(self, speaker, parts, pause):
        for part in parts:
            speaker.sendall(part)
            # This test is about the rhythm, so the sleep is part of it.
            time.sleep(pause)


class LatencyIPv4(Latency, ProxyCase):
    family = IPV4


class LatencyIPv6(Latency, ProxyCase):
    family = IPV6
