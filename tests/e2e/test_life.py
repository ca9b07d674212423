"""How the halves start, end, and survive."""

import os
import re
import select
import signal
import subprocess
import tempfile

import rules
from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, RoutedCase
from daemons import write_config
from families import IPV4, IPV6, endpoint
from peers import (Flood, background, digest, receive, receive_all,
                   receive_until_reset, send_and_end)
from rules import REDIRECT_PORT
from sandbox import BINARY, WORK
from waiting import TIMEOUT, wait_until

MEBIBYTE = 1024 * 1024
LONG = {'drain_timeout': '10m'}
SHORT = {'drain_timeout': '300ms'}
PAUSES = 20


class LifeCase(RoutedCase):
    family = IPV4

    def start_both(self, config=None):
        self.server = self.start_server(config)
        self.client = self.start_client(config)
        return self.client, self.server

    def for_each_half(self, assertion, config=None):
        """Runs the assertion for each half, with new halves each time."""
        for index, role in enumerate(('client', 'server')):
            halves = self.start_both(config)
            with self.subTest(half=role):
                assertion(halves[index])
            for half in halves:
                half.finish()


class Ending(LifeCase):

    def test_signal_ends_an_idle_half_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.for_each_half(
                lambda half: self.assert_ends_at_once(half, number), LONG)

    def assert_ends_at_once(self, half, number):
        self.assertEqual(half.stop(number), 0)
        half.wait_for('stopping', connections='0')
        half.wait_for('stopped', reset='0')

    def test_connection_may_end_after_the_signal(self):
        self.for_each_half(self.assert_drains, LONG)

    def assert_drains(self, half):
        user, destination = self.open()
        half.send_signal(signal.SIGTERM)
        half.wait_for('stopping', connections='1')
        send_and_end(user, b'last question')
        self.assertEqual(receive_all(destination), b'last question')
        send_and_end(destination, b'last answer')
        self.assertEqual(receive_all(user), b'last answer')
        self.assertEqual(half.wait(), 0)
        half.wait_for('stopped', reset='0')

    def test_new_connections_are_refused_after_the_signal(self):
        client, _ = self.start_both(LONG)
        user, _ = self.open()
        client.send_signal(signal.SIGTERM)
        client.wait_for('stopping')
        with self.assertRaises(ConnectionRefusedError):
            self.connect(self.net.user, (self.family.destination, 80))
        user.close()

    def test_connection_that_does_not_end_in_time_is_reset(self):
        self.for_each_half(self.assert_resets, SHORT)

    def assert_resets(self, half):
        user, destination = self.open()
        self.assertEqual(half.stop(), 0)
        half.wait_for('stopped', reset='1')
        self.assertEqual(receive_until_reset(user), b'')
        self.assertEqual(receive_until_reset(destination), b'')

    def test_second_signal_ends_it_at_once(self):
        self.for_each_half(self.assert_obeys_second_signal, LONG)

    def assert_obeys_second_signal(self, half):
        user, destination = self.open()
        half.send_signal(signal.SIGTERM)
        half.wait_for('stopping', connections='1')
        self.assertEqual(half.stop(signal.SIGINT), 0)
        self.assertEqual(receive_until_reset(user), b'')
        self.assertEqual(receive_until_reset(destination), b'')

    def test_half_that_is_killed_leaves_no_clean_end(self):
        self.for_each_half(self.assert_killed)

    def assert_killed(self, half):
        user, destination = self.open()
        flood = Flood(destination)
        receive(user, MEBIBYTE)
        half.kill()
        receive_until_reset(user)
        flood.assert_reset()


    def test_half_that_is_killed_while_it_dials_leaves_nothing(self):
        to = (IPV4.destination, 80)
        with rules.black_hole(self.net.destination, IPV4, to[1]):
            self.for_each_half(lambda half: self.assert_killed_dialling(
                half, to))

    def assert_killed_dialling(self, half, to):
        other = self.server if half is self.client else self.client
        before = other.descriptors()
        user = self.connect(self.net.user, to)
        wait_until(lambda: self.net.exit.is_dialling(to),
                   'the server half dials')
        half.kill()
        self.assertEqual(receive_until_reset(user), b'')
        # The server half checks once a second whether the user is still there.
        wait_until(lambda: not self.net.exit.is_dialling(to)
                   and other.descriptors() == before,
                   f'nobody dials, and {before} descriptors again')


class Surviving(LifeCase):

    def test_sigpipe_is_ignored(self):
        for half in self.start_both():
            half.send_signal(signal.SIGPIPE)
        self.assert_proxies()

    def test_half_that_is_paused_loses_nothing(self):
        self.start_both()
        user, destination = self.open()
        question, answer = os.urandom(8 * MEBIBYTE), os.urandom(8 * MEBIBYTE)
        asking = background(send_and_end, user, question)
        answering = background(send_and_end, destination, answer)
        asked = background(receive_all, destination)
        for _ in range(PAUSES):
            self.pause_both()
        # Read slowly, so that the pause comes in the middle of the stream.
        received = receive(user, MEBIBYTE)
        self.pause_both()
        received += receive_all(user)
        self.assertEqual(digest(asked.result()), digest(question))
        self.assertEqual(digest(received), digest(answer))
        asking.result()
        answering.result()

    def pause_both(self):
        for half in (self.client, self.server):
            half.send_signal(signal.SIGSTOP)
            half.send_signal(signal.SIGCONT)


class Descriptors(LifeCase):
    """Standard descriptors that are closed or otherwise unusual."""

    def test_all_closed(self):
        self.launch_both(
            wrapper=('sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh'),
            stderr=subprocess.DEVNULL)
        # No log may end up in a connection, whichever connection got
        # descriptor 2.
        pairs = [self.open() for _ in range(3)]
        for user, destination in pairs:
            send_and_end(user, b'question')
            self.assertEqual(receive_all(destination), b'question')
        for user, destination in pairs:
            send_and_end(destination, b'answer')
            self.assertEqual(receive_all(user), b'answer')

    def test_log_that_nobody_reads_stops_no_connection(self):
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        self.launch_both(stderr=writer)
        os.close(writer)
        for _ in range(10):
            self.assert_proxies()
        said = empty_pipe(reader)
        self.assert_proxies()
        while not re.search(rb'log-lost lines=[1-9]', said):
            said += read_log(reader)

    def test_log_whose_reader_has_gone_stops_no_connection(self):
        reader, writer = os.pipe()
        self.launch_both(stderr=writer)
        os.close(writer)
        os.close(reader)
        self.assert_proxies()


def full_pipe():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b'x' * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def empty_pipe(reader):
    """Returns what was in it: a half may log something meanwhile."""
    data = b''
    while select.select([reader], [], [], 0)[0]:
        data += os.read(reader, 65536)
    return data


def read_log(reader):
    if not select.select([reader], [], [], TIMEOUT)[0]:
        raise AssertionError('nothing more is logged')
    return os.read(reader, 65536)


class PortInUse(LifeCase):

    def assert_says_so(self, host, role, config, address, port):
        self.listen(host, address, port)
        result = host.run(BINARY, role, write_config(config), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, re.escape(
            f'cannot listen on {endpoint(address, port)}: Address'))

    def test_server(self):
        self.assert_says_so(self.net.exit, 'server', SERVER_CONFIG,
                            IPV4.exit_link, SERVER_PORT)

    def test_client(self):
        self.assert_says_so(self.net.gate, 'client', CLIENT_CONFIG,
                            IPV6.any, REDIRECT_PORT)


class Pidfile(LifeCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(tempfile.mkdtemp(dir=WORK), 'srcproxy.pid')
        self.flags = ('-p', self.path)

    def content(self):
        with open(self.path) as file:
            return file.read()

    def run_client(self):
        return self.net.gate.run(BINARY, *self.flags, 'client',
                                 write_config(CLIENT_CONFIG), check=False)

    def test_it_names_the_process_that_listens_until_its_end(self):
        # The file must work for other users than root: the directory belongs
        # to another user after the start.
        client = self.start_client(flags=(*self.flags, '-u', 'nobody'))
        wait_until(lambda: self.content() == f'{client.process.pid}\n',
                   'the process id')
        client.finish()
        self.assertEqual(self.content(), '')

    def test_who_cannot_listen_is_never_named(self):
        self.listen(self.net.gate, IPV6.any, REDIRECT_PORT)
        self.assertEqual(self.run_client().returncode, 1)
        self.assertEqual(self.content(), '')

    def test_second_instance_is_told_of_the_first(self):
        client = self.start_client(flags=self.flags)
        wait_until(self.content, 'the process id')
        result = self.run_client()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr,
                         f'error {self.path}: another srcproxy')
        self.assertEqual(self.content(), f'{client.process.pid}\n')

    def test_one_that_was_left_behind_is_no_obstacle(self):
        first = self.start_client(flags=self.flags)
        wait_until(self.content, 'the process id')
        first.kill()
        self.assertEqual(self.content(), f'{first.process.pid}\n')
        second = self.start_client(flags=self.flags)
        wait_until(lambda: self.content() == f'{second.process.pid}\n',
                   'the process id of the second one')

    def test_file_of_somebody_else_is_not_overwritten(self):
        # The last two begin with a number.
        for content in ('{ inbound: {} }\n', '\n', '4711 and more\n',
                        '1' * 5000):
            with open(self.path, 'w') as file:
                file.write(content)
            result = self.run_client()
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr,
                             f'error {self.path}: it holds something other than')
            self.assertEqual(self.content(), content)

    def test_configuration_is_not_overwritten(self):
        config = write_config(CLIENT_CONFIG)
        with open(config) as file:
            before = file.read()
        result = self.net.gate.run(BINARY, '-p', config, 'client', config,
                                   check=False)
        self.assertEqual(result.returncode, 1)
        with open(config) as file:
            self.assertEqual(file.read(), before)

    def test_link_is_not_followed(self):
        os.symlink(write_config('precious'), self.path)
        result = self.run_client()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, f'error {self.path}: symbolic links '
                         'are not followed')
        self.assertEqual(self.content(), 'precious')
