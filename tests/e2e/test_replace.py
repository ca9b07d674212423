"""A half is replaced by a new process, and no connection notices."""

import contextlib
import errno
import itertools
import json
import os
import random
import signal
import socket
import struct
import tempfile
import threading
import time

from cases import (CLIENT_CONFIG, SERVER, SERVER_PORT, RoutedCase, Tproxy,
                   fresh_port)
from families import IPV4, IPV6
from injection import Injection
from peers import (background, digest, end_stream, receive,
                   receive_until_reset, reset, send_in_pieces)
from rules import REDIRECT_PORT
from sandbox import BINARY, WORK
from test_torture import SECONDS, Torture
from waiting import TIMEOUT, wait_until
from wire import encode_request

MEBIBYTE = 1024 * 1024
RESTARTS = 10
KILL = 0    # instead of an error
PAUSE_SECONDS = 0.3     # between two hand-overs


def has_unix_connection(half):
    """Whether a descriptor leads to another process by a Unix socket."""
    process = f'/proc/{half.process.pid}'
    try:
        with open(process + '/net/unix') as file:
            rows = [line.split() for line in file][1:]
        connected = {f'socket:[{row[6]}]' for row in rows if row[5] == '03'}
        numbers = os.listdir(process + '/fd')
    except OSError:     # it has ended
        return False
    for number in numbers:
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f'{process}/fd/{number}') in connected:
                return True
    return False


class ReplaceCase(RoutedCase):
    # How long the old process may finish handshakes.
    drain_timeout = '1s'

    def start_pair(self, config=None):
        config = {'drain_timeout': self.drain_timeout, **(config or {})}
        self.halves = {'server': self.start_server(config),
                       'client': self.start_client(config)}

    def launch_replacement(self, role, config=None, **options):
        old = self.halves[role]
        config = {'drain_timeout': self.drain_timeout, **(config or {})}
        full = (self.server_config if role == 'server'
                else self.client_config)(config)
        return self.launch(old.host, role, full,
                           flags=('--replace',), **options)

    def replace(self, role, config=None, **options):
        """Returns the old process, which has ended, and the new one."""
        old = self.halves[role]
        new = self.launch_replacement(role, config, **options)
        new.wait_for('listening')
        self.halves[role] = new
        self.assertEqual(old.wait(), 0)
        return old, new


class Replace:
    drain_timeout = '15s'   # no handshake is cut off on a busy machine

    def test_nothing_is_lost_through_ten_restarts_of_either_half(self):
        self.start_pair()
        listener = self.listen_at_destination()
        dice = random.Random(self.family.user)
        data = [dice.randbytes(8 * MEBIBYTE) for _ in range(4)]
        quiet = [self.open(listener) for _ in range(5)]
        moving = [self.open(listener) for _ in range(2)]
        stop = threading.Event()
        refused = background(self.connect_often, listener, stop)
        ends = list(itertools.chain(*moving))
        received = [background(self.read_slowly, end) for end in ends]
        for end, bytes_ in zip(ends, data):
            background(send_in_pieces, end, bytes_)
        for _ in range(RESTARTS):
            for role in self.halves:
                _, new = self.replace(role)
                event = new.wait_for('handed-over')
                self.assertGreaterEqual(int(event['connections']), 5)
        stop.set()
        self.assertEqual(refused.result(), 0)
        for index, future in enumerate(received):
            self.assertEqual(digest(future.result()), digest(data[index ^ 1]))
        for user, destination in quiet:
            user.sendall(b'still there?')
            self.assertEqual(receive(destination, 12), b'still there?')
            reset(destination)
            self.assertEqual(receive_until_reset(user), b'')

    @staticmethod
    def read_slowly(connection):
        """So that the transfer lasts as long as the restarts do."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        data = bytearray()
        while True:
            piece = connection.recv(65536)
            if not piece:
                return bytes(data)
            data += piece
            threading.Event().wait(0.01)

    def connect_often(self, listener, stop):
        """Returns how many new connections fail until then."""
        failed = 0
        to = listener.getsockname()[:2]
        while not stop.is_set():
            try:
                user = self.net.user.connect(to)
                destination = listener.accept()[0]
                user.sendall(b'new')
                failed += receive(destination, 3) != b'new'
                user.close()
                destination.close()
            except OSError:
                failed += 1
        return failed


class ReplaceIPv4(Replace, ReplaceCase):
    family = IPV4


class ReplaceIPv6(Replace, ReplaceCase):
    family = IPV6


class ReplaceTproxyIPv4(Tproxy, ReplaceIPv4):
    pass


class ReplaceFastOpen(ReplaceIPv4):
    """The request comes with the SYN, also during a hand-over."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in (cls.net.gate, cls.net.exit):
            host.sysctl('ipv4/tcp_fastopen', 3)


class Steps(ReplaceCase):
    """One step of a hand-over fails, or is the last one of its process."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.listener = self.listen_at_destination()
        self.halves = {}
        self.injections = {}

    def start_half(self, role):
        injection = Injection()
        start = self.start_server if role == 'server' else self.start_client
        self.halves[role] = start(**injection.options)
        self.injections[role] = injection

    def open_some(self):
        """A quiet connection, a half-closed one, and a stalled reader."""
        quiet, half_closed, stalled = (self.open(self.listener)
                                       for _ in range(3))
        half_closed[1].shutdown(socket.SHUT_WR)
        self.assertEqual(half_closed[0].recv(1), b'')
        stalled[1].settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                stalled[1].send(bytes(65536))
        # The answers to come may take longer.
        stalled[1].settimeout(TIMEOUT)
        return quiet, half_closed, stalled

    def talks(self, pair):
        """Tells whether the connection is alive. False: it was reset."""
        user, destination = pair
        try:
            user.sendall(b'still there?')
            data = receive(destination, 12)
        except OSError as error:
            self.assertIn(error.errno, (errno.ECONNRESET, errno.EPIPE))
            return False
        self.assertEqual(data, b'still there?')
        return True

    def attempt(self, role, victim, step, error):
        """Returns the old process, the new one, and whether it came to it."""
        old, injection = self.halves[role], Injection()
        armed = injection if victim == 'new' else self.injections[role]
        armed.end_at_step(step, error)
        new = self.launch_replacement(role, **injection.options)
        wait_until(lambda: not new.is_running() or new.events('listening'),
                   'the new process is there or not')
        if new.is_running():
            # Both have steps to make after that.
            self.assertIn(old.wait(), (0, -signal.SIGKILL))
            wait_until(lambda: not has_unix_connection(new),
                       'the new process follows nobody any more')
        came = armed.has_ended()
        if came and error == KILL:
            killed = new if victim == 'new' else old
            self.assertEqual(killed.wait(), -signal.SIGKILL)
        if not new.is_running():
            new.wait()
        else:
            self.halves[role] = new
            self.injections[role] = injection
        return old, new, came

    def each_step(self):
        for step in itertools.count(1):
            for role in ('server', 'client'):
                half = self.halves.get(role)
                if not half or not half.is_running():
                    self.start_half(role)
            yield step
            if not self.came:
                break
        self.assertGreater(step, 5)

    def assert_failures_lose_nothing(self, role, victim):
        connections = ()
        for step in self.each_step():
            connections = connections or self.open_some()
            _, new, self.came = self.attempt(role, victim, step, errno.ENOMEM)
            for pair in connections:
                self.assertTrue(self.talks(pair), (step, new.log_tail()))

    def assert_one_owner(self, role, victim):
        """Whoever is left has all that it owns, and what is not is reset."""
        connections = ()
        for step in self.each_step():
            connections = connections or self.open_some()
            old, _, self.came = self.attempt(role, victim, step, KILL)
            alive = [self.talks(pair) for pair in connections]
            if victim == 'new' and self.came:
                self.assertIn(alive, ([True] * 3, [False] * 3))
                if not all(alive):
                    self.assertEqual(old.wait(), 0, 'it had given all')
            if not self.came:
                self.assertEqual(alive, [True] * 3)
            if not all(alive):
                connections = ()

    def test_failures_of_the_new_process(self):
        self.assert_failures_lose_nothing('client', 'new')

    def test_failures_of_the_old_process(self):
        self.assert_failures_lose_nothing('server', 'old')

    def test_kills_of_the_new_process(self):
        self.assert_one_owner('server', 'new')

    def test_kills_of_the_old_process(self):
        self.assert_one_owner('client', 'old')


class Refused(ReplaceCase):
    """The new process is not let in, or cannot serve; the old one goes on."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.start_pair()
        self.user, self.destination = self.open()

    def assert_refused(self, pattern, role='server', config=None, **options):
        old = self.halves[role]
        full = (self.server_config if role == 'server'
                else self.client_config)(config)
        new = self.launch(old.host, role, full, **{
            'flags': ('--replace',), **options})
        self.assertEqual(new.wait(), 1)
        self.assertRegex(new.log, pattern)
        self.assertTrue(old.is_running())
        self.user.sendall(b'still there?')
        self.assertEqual(receive(self.destination, 12), b'still there?')
        self.assert_proxies()

    def test_who_is_not_the_services_user(self):
        # As if an administrator had opened the socket to everybody.
        path = f'/run/srcproxy/server-{SERVER_PORT}.sock'
        for mode, opened in ((0o755, os.path.dirname(path)), (0o666, path)):
            os.chmod(opened, mode)
        self.assert_refused(
            'only root and the user of the service may do that',
            wrapper=('setpriv', '--reuid', '12345', '--regid', '12345',
                     '--clear-groups'))

    def test_configuration_that_cannot_be_served(self):
        self.listen(self.net.exit, '0.0.0.0', 4321)
        self.assert_refused('cannot listen on 0.0.0.0:4321',
                            config={'listen': '0.0.0.0:4321', 'status':
                                    f'/run/srcproxy/server-{SERVER_PORT}.sock'
                                    })

    def test_no_room_for_the_descriptors(self):
        listener = self.listen_at_destination()
        pairs = [self.open(listener) for _ in range(20)]
        self.assert_refused('cannot take over the connections: Too many open',
                            wrapper=('prlimit', '--nofile=30:30'))
        for user, destination in pairs:
            user.sendall(b'x')
            self.assertEqual(receive(destination, 1), b'x')
        self.halves['server'].wait_for_line('cannot hand over to process')

    def test_configuration_without_status(self):
        self.assert_refused('status is false', config={'status': False})

    def test_socket_that_speaks_another_language(self):
        path = os.path.join(tempfile.mkdtemp(dir=WORK), 'socket')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            answer = background(self.answer_as_of_old, listener)
            self.assert_refused('that version cannot hand over',
                                config={'status': path})
            self.assertRegex(answer.result(), rb'replace \d+ \d+\n')

    @staticmethod
    def answer_as_of_old(listener):
        with listener.accept()[0] as client:
            request = client.recv(64)
            client.sendall(b'{"error":"unknown request"}\n')
            return request

    def test_other_versions_of_the_format(self):
        path = f'/run/srcproxy/server-{SERVER_PORT}.sock'
        for version in (b'0 0', b'2 0', b'1 -1', b'1', b'x'):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b'replace ' + version + b'\n')
                self.assertIn(b'in another format', receive(client, 4096))
        self.assert_proxies()


class Applied(ReplaceCase):
    """What the new process takes from the old one, and what not."""

    family = IPV4

    def test_users_and_their_counts_go_on(self):
        acl = [{'name': 'alice', 'auth': 'secret', 'max_connections': 2}]
        self.halves = {
            'server': self.start_server({'acl': acl}),
            'client': self.start_client({'outbound': {
                **CLIENT_CONFIG['outbound'], 'auth': 'secret'}})}
        listener = self.listen_at_destination()
        user, destination = self.open(listener)
        user.sendall(b'12345')
        self.assertEqual(receive(destination, 5), b'12345')
        number = int(self.halves['server'].wait_for('established')['id'])
        _, new = self.replace('server', {'acl': acl})
        # The one that is there counts for the limit.
        other, _ = self.open(listener)
        self.assertEqual(int(new.wait_for('established')['id']), number + 1)
        self.assert_reset(self.net.user, listener.getsockname()[:2])
        # The connection of a user who is gone goes on.
        _, new = self.replace('server', {'acl': [{**acl[0], 'name': 'bob',
                                                  'auth': 'other'}]})
        self.assert_reset(self.net.user, listener.getsockname()[:2])
        user.sendall(b'678')
        self.assertEqual(receive(destination, 3), b'678')
        # What has arrived is counted a moment later.
        wait_until(lambda: self.counts_of_alice(new) == ('2', '2', '8'),
                   'the counts of both processes')
        end_stream(user)
        end_stream(destination)
        closed = new.wait_for('closed', id=str(number))
        self.assertEqual((closed['user'], closed['sent'], closed['end']),
                         ('alice', '8', 'eof'))
        self.assertEqual(receive(user, 1), b'')
        reset(other)

    @staticmethod
    def counts_of_alice(half):
        half.mark()
        half.send_signal(signal.SIGUSR1)
        count = half.wait_for('user', user='alice')
        return count['connections'], count['established'], count['sent']

    def test_listener_may_change(self):
        self.start_pair()
        user, destination = self.open()
        _, new = self.replace('client', {
            'inbound': {'listen': f'0.0.0.0:{REDIRECT_PORT}'}})
        user.sendall(b'x')
        self.assertEqual(receive(destination, 1), b'x')
        self.assert_proxies()

    def test_pidfile_changes_hands(self):
        self.halves = {'client': self.start_client()}
        path = os.path.join(tempfile.mkdtemp(dir=WORK), 'pidfile')
        self.halves['server'] = self.start_server(flags=('-p', path))
        user, destination = self.open()
        for _ in range(2):
            old = self.halves['server']
            new = self.launch(old.host, 'server', self.server_config(),
                              flags=('--replace', '-p', path))
            self.halves['server'] = new
            self.assertEqual(old.wait(), 0)
            wait_until(lambda: self.read(path) == f'{new.process.pid}\n',
                       'the number of the new process')
            user.sendall(b'x')
            self.assertEqual(receive(destination, 1), b'x')
        # Not if the new process cannot take over.
        listener = self.listen_at_destination()
        for _ in range(20):
            self.open(listener)
        failed = self.launch(new.host, 'server', self.server_config(),
                             flags=('--replace', '-p', path),
                             wrapper=('prlimit', '--nofile=30:30'))
        self.assertEqual(failed.wait(), 1)
        self.assertIn('cannot take over the connections', failed.log)
        self.assertEqual(self.read(path), f'{new.process.pid}\n')
        # It is locked for others all the time.
        other = self.launch(new.host, 'server', self.server_config(),
                            flags=('-p', path))
        self.assertEqual(other.wait(), 1)
        self.assertIn('another srcproxy', other.log)

    @staticmethod
    def read(path):
        with open(path) as file:
            return file.read()

    def test_status_is_answered_by_the_new_process(self):
        self.start_pair()
        for _ in range(2):
            _, new = self.replace('server')
            result = new.host.run(BINARY, 'status', '--json', 'server',
                                  new.config_path)
            self.assertEqual(json.loads(result.stdout)['pid'],
                             new.process.pid)
        new.stop()
        self.assertFalse(os.path.exists(
            f'/run/srcproxy/server-{SERVER_PORT}.sock'))

    def test_handshakes_under_way_are_finished_and_brought(self):
        self.start_pair()
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        request = encode_request((IPV4.user, fresh_port()), to)
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(request[:5])
        old = self.halves['server']
        new = self.launch_replacement('server')
        new.wait_for('listening')
        self.halves['server'] = new
        gate.sendall(request[5:])
        destination = self.accept(listener)
        self.assertEqual(old.wait(), 0)
        # The old process has ended, and the connection lives.
        gate.sendall(b'x')
        self.assertEqual(receive(destination, 1), b'x')
        destination.sendall(b'y')
        self.assertEqual(receive(gate, 1), b'y')

    def test_failed_later_hand_over_keeps_nothing_of_the_new_process(self):
        """The new one dies; the old one finishes a handshake after that."""
        self.start_pair()
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        request = encode_request((IPV4.user, fresh_port()), to)
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(request[:5])
        old = self.halves['server']
        new = self.launch_replacement('server')
        new.wait_for('listening')
        new.kill()
        gate.sendall(request[5:])
        destination = self.accept(listener)
        old.wait_for_line('cannot hand over to process')
        gate.sendall(b'x')
        self.assertEqual(receive(destination, 1), b'x')
        wait_until(lambda: not has_unix_connection(old),
                   'the descriptor to the new process is closed')

    def test_process_that_is_stopping_is_not_replaced(self):
        self.start_pair({'drain_timeout': '1m'})
        user, destination = self.open()
        old = self.halves['server']
        old.send_signal(signal.SIGTERM)
        old.wait_for('stopping')
        new = self.launch_replacement('server')
        self.assertEqual(new.wait(), 1)
        self.assertRegex(new.log, 'cannot replace the process at .*: '
                         'it is stopping')
        user.sendall(b'x')
        self.assertEqual(receive(destination, 1), b'x')
        reset(user)
        self.assertEqual(old.wait(), 0)

    def test_without_a_running_half_it_starts_as_usual(self):
        daemon = self.start_server(flags=('--replace',))
        self.assertEqual(len(daemon.events('replace')), 1)


class Messages(ReplaceCase):
    """The test is one of the two processes, or stands between them."""

    family = IPV4
    MAGIC = 0x53504d31
    HELLO, GO, BEGIN, CONNECTIONS, END, RECEIVED, TAKEN = 1, 3, 4, 6, 7, 8, 9
    ENTERED_OFFSET = 16

    def say(self, peer, kind, data=b'', fds=()):
        header = struct.pack('=IIII', self.MAGIC, kind, len(data), len(fds))
        socket.send_fds(peer, [header], fds)
        # After the last message the peer may have ended by now.
        if data:
            peer.sendall(data)

    @staticmethod
    def hear_any(peer):
        """Kind 0: the peer has ended."""
        header, fds, _, _ = socket.recv_fds(peer, 16, 16, socket.MSG_WAITALL)
        if not header:
            return 0, b'', fds
        _, kind, length, _ = struct.unpack('=IIII', header)
        return kind, receive(peer, length) if length else b'', fds

    def hear(self, peer, expected):
        kind, data, fds = self.hear_any(peer)
        for fd in fds:
            os.close(fd)
        self.assertEqual(kind, expected)
        return data

    def pass_on(self, source, target):
        """Passes the next message on, and returns its kind."""
        kind, data, fds = self.hear_any(source)
        if kind:
            self.say(target, kind, data, fds)
        for fd in fds:
            os.close(fd)
        return kind

    def test_old_process_tells_the_last_one_when_it_accepts_no_more(self):
        self.start_pair()
        with socket.socket(socket.AF_UNIX) as old:
            old.connect(f'/run/srcproxy/server-{SERVER_PORT}.sock')
            old.sendall(b'replace 1 2\n')
            hello = self.hear(old, self.HELLO)
            self.open()
            self.say(old, self.GO, struct.pack('=II', 8, 0))
            last, = struct.unpack('=Q', self.hear(old, self.BEGIN))
        number = int(self.halves['server'].wait_for('established')['id'])
        self.assertGreater(number, struct.unpack_from(
            '=Q', hello, self.ENTERED_OFFSET)[0])
        self.assertGreaterEqual(last, number)
        self.halves['server'].wait_for_line('cannot hand over to process')
        self.assert_proxies()

    def launch_here(self):
        """A server half that asks this test, and the connection to it."""
        path = os.path.join(tempfile.mkdtemp(dir=WORK), 'socket')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            new = self.launch(
                self.net.exit, 'server', self.server_config({'status': path}),
                flags=('--replace',))
            peer = self.keep(listener.accept()[0])
        self.assertEqual(receive(peer, 12), b'replace 1 2\n')
        return new, peer

    def test_new_process_goes_on_above_it(self):
        token, counter = os.pipe()
        for fd in token, counter:
            self.addCleanup(os.close, fd)
        os.write(counter, struct.pack('=Q', 1))
        server, peer = self.launch_here()
        self.say(peer, self.HELLO, struct.pack(
            '=I4BIIQQ', 32, True, False, False, False, 0, 0, 5, 0))
        self.hear(peer, self.GO)
        self.say(peer, self.BEGIN, struct.pack('=Q', 7), [token])
        self.hear(peer, self.RECEIVED)
        self.say(peer, self.END)
        self.hear(peer, self.TAKEN)
        server.wait_for('listening')
        self.start_client({'protocol': 1})
        self.open()
        self.assertEqual(server.wait_for('established')['id'], '8')

    def test_connection_that_is_made_meanwhile_is_counted_once(self):
        """Its handshake ends while the first connections are on their way."""
        self.start_pair()
        listener = self.listen_at_destination()
        request = encode_request((IPV4.user, fresh_port()),
                                 listener.getsockname()[:2])
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(request[:5])
        self.open(listener)
        old_server = self.halves['server']
        old_server.wait_for('established')
        new, peer = self.launch_here()
        old = self.keep(socket.socket(socket.AF_UNIX))
        old.connect(f'/run/srcproxy/server-{SERVER_PORT}.sock')
        old.sendall(b'replace 1 2\n')
        self.assertEqual(self.pass_on(old, peer), self.HELLO)
        self.assertEqual(self.pass_on(peer, old), self.GO)
        kind = self.BEGIN
        while kind:
            kind = self.pass_on(old, peer)
            if kind == self.CONNECTIONS and request:
                old_server.mark()
                gate.sendall(request[5:] + b'12345')
                self.assertEqual(receive(self.accept(listener), 5), b'12345')
                old_server.wait_for('established')
                request = b''
            if kind:
                self.pass_on(peer, old)
        peer.close()
        self.assertEqual(old_server.wait(), 0)
        new.mark()
        new.send_signal(signal.SIGUSR1)
        count = new.wait_for('user', user='-')
        self.assertEqual((count['established'], count['sent']), ('2', '5'))


class Weather(Torture, ReplaceCase):
    """Connections whose ends act at random, and hand-overs all the time."""

    family = IPV4
    # A handshake whose SYN is lost lasts a second longer, tcp(7).
    drain_timeout = '15s'

    def test_every_byte_arrives_and_every_ending_is_passed_on(self):
        self.start_pair()
        until = time.monotonic() + SECONDS
        stop = threading.Event()
        self.replaced = 0
        replacing = background(self.replace_often, stop)
        try:
            for number in itertools.count():
                self.torture(number)
                is_over = time.monotonic() >= until and self.replaced > 1
                if is_over or replacing.done():
                    break
        finally:
            stop.set()
            replacing.result()

    def replace_often(self, stop):
        while not stop.wait(PAUSE_SECONDS):
            self.replace(('server', 'client')[self.replaced % 2])
            self.replaced += 1


class WeatherIPv6(Weather):
    family = IPV6
