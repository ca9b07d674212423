"""Each call that a connection makes fails, one after the other.

The connection is served nevertheless, or it is reset: a stream that was cut
off must not look complete. The log says why. The next connection is served,
and the failed one leaves nothing behind.
"""

import contextlib
import errno
import hashlib
import threading

from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, RoutedCase
from families import IPV4, IPV6
from hosts import DISCARD_PORT
from injection import Injection
from peers import receive_all, reset, send_and_end
from sandbox import write_hosts_file
from waiting import wait_until

# Large enough that the relay uses pipes.
QUESTION = bytes(range(256)) * 1024
GREETING = b'!'
ANSWER = hashlib.shake_128(QUESTION).digest(64 * 1024)

SERVER_NAME = 'exit.test'

# A connection has two threads. They stay parked after a failure.
THREADS_MORE = 8

# A connection is served even if these fail: it can do without a pipe, or tries
# again.
SPARED_CALLS = {'accept4', 'fcntl', 'futex_wait', 'pipe2', 'write'}


class Answerer(threading.Thread):
    """Answers complete questions, and counts streams that ended too early."""

    def __init__(self, listener):
        super().__init__(daemon=True)
        self._listener = listener
        self.cut_off = 0
        self.start()

    def run(self):
        try:
            while True:
                self._serve(self._listener.accept()[0])
        except OSError:
            # The test is over and has closed the listener.
            return

    def _serve(self, connection):
        with connection:
            # shutdown(2) fails with another OSError after a reset, not with a
            # ConnectionError.
            with contextlib.suppress(OSError):
                connection.sendall(GREETING)
                if receive_all(connection) != QUESTION:
                    self.cut_off += 1
                send_and_end(connection, ANSWER)


class Injected:
    half = None     # 0: the client half, 1: the server half
    server_config = SERVER_CONFIG
    protocol = None  # what the client half speaks
    calls = None    # the calls that must have failed at the end

    def setUp(self):
        super().setUp()
        write_hosts_file(f'{IPV4.exit_link} {SERVER_NAME}\n')
        self.injection = Injection()
        options = [{}, {}]
        options[self.half] = self.injection.options
        server = self.start(self.net.exit, 'server', self.server_config,
                            **options[1])
        client = self.start(
            self.net.gate, 'client',
            {**CLIENT_CONFIG, 'protocol': self.protocol,
             'outbound': {'server': f'{SERVER_NAME}:{SERVER_PORT}'}},
            **options[0])
        self.halves = [client, server]
        self.injected = self.halves[self.half]
        self.descriptors = [half.descriptors() for half in self.halves]
        self.threads = [half.threads() for half in self.halves]
        listener = self.listen_at_destination()
        self.destination = listener.getsockname()[:2]
        self.answerer = Answerer(listener)

    def ask(self):
        """Tells whether the right answer came, complete.

        After a reset the answer is not right.
        """
        try:
            with self.net.user.connect(self.destination) as user:
                send_and_end(user, QUESTION)
                answer = receive_all(user)
        except OSError as error:
            # shutdown(2) gives the last one on a connection that was reset.
            if error.errno not in (errno.ECONNRESET, errno.EPIPE,
                                   errno.ENOTCONN):
                raise
            return False
        self.assertEqual(answer, GREETING + ANSWER,
                         'a clean end of what was cut off')
        return True

    def break_off(self):
        """A user vanishes in the middle of the stream."""
        with contextlib.suppress(ConnectionError):
            user = self.net.user.connect(self.destination)
            with contextlib.closing(user):
                user.sendall(QUESTION[:len(QUESTION) // 2])
                self.assertEqual(user.recv(1), GREETING)
                reset(user)

    def be_refused(self):
        """Connects to a destination where nobody listens."""
        self.assert_reset(self.net.user,
                          (self.family.destination, DISCARD_PORT))

    def assert_nothing_is_left(self):
        """The lowest count is that of a half at rest.

        At start the client half looks its server up and asks it, which takes
        descriptors of other kinds for a moment.
        """
        for index, half in enumerate(self.halves):
            most = self.descriptors[index]
            count = wait_until(
                lambda: (lambda now: now <= most and now)(half.descriptors()),
                f'{half.role}: {most} descriptors again')
            self.descriptors[index] = count

    def says_why(self):
        """Tells whether the log has a line that reports more than success."""
        return any(' end=eof' not in line and ' established ' not in line
                   for line in self.injected.lines_since_mark())

    def fail_once(self, live):
        """Lets one call fail.

        Returns the failure, or None if all calls have failed before.
        """
        self.injected.mark()
        self.injection.arm()
        served = live()
        self.assert_nothing_is_left()
        failure = self.injection.disarm()
        if served is False:
            wait_until(self.says_why, f'a reason for {failure} in the log')
            self.assertNotEqual(failure.error, errno.EINTR, failure)
            self.assertNotIn(failure.call, SPARED_CALLS, failure)
        self.assertTrue(self.ask(), f'the connection after {failure}')
        return failure

    def fail_all(self, live):
        """Lets each call fail once. Returns all failures."""
        failures = list(iter(lambda: self.fail_once(live), None))
        self.assertEqual(self.answerer.cut_off, 0)
        for half, count in zip(self.halves, self.threads):
            self.assertLess(half.threads(), count + THREADS_MORE)
        return failures

    def test_calls_of_a_connection_that_would_be_served(self):
        failed = {failure.call for failure in self.fail_all(self.ask)}
        self.assertEqual(self.calls - failed, set())

    def test_calls_of_a_connection_that_needs_new_threads(self):
        self.injection.unpark()
        failed = {failure.call for failure in self.fail_all(self.ask)}
        self.assertEqual({'pthread_attr_init', 'pthread_create'} - failed,
                         set())

    def test_calls_of_a_connection_that_is_broken_off(self):
        self.assertTrue(self.fail_all(self.break_off))

    def test_calls_of_a_connection_that_is_refused(self):
        self.assertTrue(self.fail_all(self.be_refused))


COMMON = {'accept4', 'calloc', 'connect', 'fcntl', 'futex_wait', 'getsockname',
          'getsockopt', 'pipe2', 'poll', 'recv', 'send', 'setsockopt',
          'socket', 'splice', 'write'}


class ClientHalf(Injected, RoutedCase):
    family = IPV4
    half = 0
    calls = COMMON | {'getaddrinfo'}
    # send() is said to fail by a reset, and the socket lives: the server half
    # waits for a request, or gets the stream for one. It must not answer that.
    server_config = {**SERVER_CONFIG, 'handshake_timeout': '3s', 'protocol': 1}
    protocol = 1


class ServerHalf(Injected, RoutedCase):
    family = IPV6
    half = 1
    calls = COMMON | {'bind'}
    # Its answer is one call more that can fail.
    protocol = 2

    def test_calls_that_tell_whether_the_destination_is_the_listener(self):
        """Whichever call fails, the half does not dial its own listener."""
        own = (self.family.exit_out, SERVER_PORT)
        failures = self.fail_all(lambda: self.assert_reset(self.net.user, own))
        self.assertIn('socket', {failure.call for failure in failures})
        self.assertNotIn('tried="connect to the destination"',
                         self.injected.log)
