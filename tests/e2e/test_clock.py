"""The system's clock is set: it jumps by a day, and back."""

import datetime
import signal
import time

import rules
from cases import SERVER, SERVER_PORT, RoutedCase
from families import IPV4
from injection import Injection
from peers import receive, receive_until_reset, reset
from waiting import wait_until

DAY = 24 * 60 * 60
JUMPS = (DAY, -DAY)

# Long enough for a busy machine to be in time with what comes in the middle.
LIMIT_S = 2
DRAIN = {'drain_timeout': f'{LIMIT_S}s'}
LIMITS = {'timeout': f'{LIMIT_S}s', 'handshake_timeout': f'{LIMIT_S}s'}
# The delay that a busy machine may add.
SLACK_S = 15

# The same value as in src/base/log.c.
LINES = 10


class Jumps(RoutedCase):
    family = IPV4

    def setUp(self):
        super().setUp()
        self.injections = [Injection(), Injection()]

    def start_both(self, server_limits):
        of_server, of_client = self.injections
        self.server = self.start_server({**DRAIN, **server_limits},
                                        **of_server.options)
        self.client = self.start_client(DRAIN, **of_client.options)

    def jump(self, seconds):
        for injection in self.injections:
            injection.set_clock(seconds)

    def assert_ends_in_time(self, wait, began):
        """The wait ends after the limit: neither at once nor a day later.

        began: a time before the half began to wait.
        """
        wait()
        took = time.monotonic() - began
        self.assertGreater(took, LIMIT_S * 3 / 4)
        self.assertLess(took, LIMIT_S + SLACK_S)

    def test_it_is_seen_in_the_log(self):
        self.start_both({})
        for seconds in JUMPS:
            with self.subTest(seconds=seconds):
                self.jump(seconds)
                self.client.await_rest(rules.REDIRECT_PORT)
                self.client.mark()
                self.assert_proxies()
                self.client.wait_for('established')
                line = self.client.lines_since_mark()[0]
                logged = datetime.datetime.fromisoformat(
                    line.split()[0].replace('Z', '+00:00'))
                jumped = logged.timestamp() - time.time()
                self.assertLess(abs(jumped - seconds), DAY / 2)

    def test_who_is_not_idle_lives_and_who_is_does_not(self):
        self.start_both(LIMITS)
        for seconds in JUMPS:
            with self.subTest(seconds=seconds):
                user, destination = self.open()
                self.jump(seconds)
                # Let a part of the limit pass without any data.
                time.sleep(LIMIT_S / 2)
                began = time.monotonic()
                user.sendall(b'not idle')
                self.assertEqual(receive(destination, 8), b'not idle')
                self.jump(0)
                self.assert_ends_in_time(lambda: receive_until_reset(user),
                                         began)
                receive_until_reset(destination)

    def test_silent_peer_has_its_time_and_no_more(self):
        self.start_both(LIMITS)
        for seconds in JUMPS:
            with self.subTest(seconds=seconds):
                began = time.monotonic()
                client = self.connect(self.net.gate, SERVER)
                # The server half waits for the request by then. No event shows
                # that; only the end of the wait is logged.
                time.sleep(LIMIT_S / 2)
                self.jump(seconds)
                client.sendall(b'\1')
                self.assert_ends_in_time(lambda: receive_until_reset(client),
                                         began)
                self.jump(0)

    def test_log_keeps_back_what_it_would_have(self):
        self.start_both({})
        for injection in self.injections:
            injection.limit_log()
        for seconds in (0, DAY):
            self.jump(seconds)
            for _ in range(LINES):
                client = self.connect(self.net.gate, SERVER)
                client.sendall(b'GET')
                receive_until_reset(client)
        self.server.stop()
        self.assertEqual(len(self.server.events('refused')), LINES)
        self.server.wait_for('not-shown', lines=str(LINES))

    def test_end_waits_as_long_as_it_would_have(self):
        for seconds in JUMPS:
            with self.subTest(seconds=seconds):
                self.start_both({})
                self.open()
                began = time.monotonic()
                self.server.send_signal(signal.SIGTERM)
                self.server.wait_for('stopping', connections='1')
                self.jump(seconds)
                self.assert_ends_in_time(self.server.wait, began)
                self.client.finish()

    def test_threads_that_wait_for_work_still_get_it(self):
        self.start_both({})
        for seconds in JUMPS:
            with self.subTest(seconds=seconds):
                ends = [self.open() for _ in range(3)]
                for user, destination in ends:
                    reset(user)
                    receive_until_reset(destination)
                self.jump(seconds)
                self.assert_proxies()

    def test_threads_that_wait_for_work_in_vain_end(self):
        self.start_both({})
        # By the time it answers, all threads of its own have started.
        self.server.await_rest(SERVER_PORT)
        before = self.server.threads()
        self.jump(DAY)
        user, destination = self.open()
        reset(user)
        receive_until_reset(destination)
        wait_until(lambda: self.server.threads() == before,
                   f'{before} threads again')
