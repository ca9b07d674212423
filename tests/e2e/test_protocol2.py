"""Version 2 of the protocol, spoken to the server half by a script."""

import re
import signal
import socket
import struct

from cases import SERVER, SERVER_PORT, ServerCase, fresh_port
from families import IPV4, IPV6, endpoint
from injection import Injection
from peers import (end_stream, receive, receive_all, receive_until_reset,
                   reset)
from segments import ACK, ETH_P_ALL, SYN
from waiting import TIMEOUT, wait_until
from wire import (BAD_OPCODE, BAD_VERSION, CHECK, CLOCK_OFF, CONNECTED,
                  DESTINATION_DENIED, LIMITED, MALFORMED, NETWORK_FAILURE,
                  NOT_AUTHORIZED, REFUSED, RELAY, REPLAY, SOURCE_DENIED,
                  TIMED_OUT, UNREACHABLE, UNSPECIFIED, auth_digest, derive_hint,
                  encode_request, encode_request_2, now_ms)

SECRET = 'of alice'
WINDOW_MS = 60000
HOUR_S = 3600

# In /proc/net/tcp: it runs while sent data is not acknowledged.
RETRANSMISSION = 1


class Version2Case(ServerCase):

    def start_with_acl(self, config=None, options=None, **user):
        users = {'name': 'alice', 'auth': SECRET, **user}
        self.config = self.server_config(
            {'acl': [users, {'name': 'bob', 'auth': 'of bob'}],
             **(config or {})})
        self.server = self.start(self.net.exit, 'server', self.config,
                                 **(options or {}))
        return self.server

    def request2(self, source=None, destination=None, auth=SECRET, **fields):
        return encode_request_2(source or self.source,
                                destination or self.destination, auth,
                                **fields)

    def answer(self, data):
        """All that the server half says, up to a reset."""
        return receive_until_reset(self.send(data))

    def assert_answer(self, status, data, reason=None, **fields):
        self.server.mark()
        self.assertEqual(self.answer(data), bytes([status]))
        if reason:
            self.server.wait_for('refused', reason=re.compile(reason),
                                 **fields)

    def check(self, **fields):
        """The answer to a check, which is followed by a clean end."""
        return receive_all(self.send(self.request2(opcode=CHECK, **fields)))

    def assert_connects(self, data=None, listener=None):
        """Both directions, with the status in front of one of them."""
        client = self.send((data or self.request2()) + b'question')
        destination = self.accept(listener or self.listener)
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(client, 7), bytes([CONNECTED]) + b'answer')
        return client, destination


class Served:

    def test_stream_comes_behind_the_status_and_both_ends_are_passed_on(self):
        self.start_with_acl()
        client, destination = self.assert_connects()
        end_stream(client)
        self.assertEqual(receive_all(destination), b'')
        destination.sendall(b'more')
        end_stream(destination)
        self.assertEqual(receive_all(client), b'more')
        # The status is no byte of the stream.
        self.server.wait_for('closed', user='alice', sent='8', received='10',
                             end='eof')

    def test_status_comes_by_itself_if_the_destination_is_silent(self):
        self.start_with_acl()
        client = self.send(self.request2())
        self.assertEqual(receive(client, 1), bytes([CONNECTED]))
        self.accept(self.listener)

    def test_status_comes_with_the_end_of_an_empty_stream(self):
        self.start_with_acl()
        client = self.send(self.request2())
        end_stream(self.accept(self.listener))
        self.assertEqual(receive_all(client), bytes([CONNECTED]))

    def test_status_comes_before_a_reset_by_the_destination(self):
        self.start_with_acl()
        client = self.send(self.request2())
        reset(self.accept(self.listener))
        self.assertEqual(receive_until_reset(client), bytes([CONNECTED]))
        self.server.wait_for('closed', received='0', end='reset',
                             by='destination')

    def test_reset_by_the_client_reaches_the_destination(self):
        self.start_with_acl()
        client, destination = self.assert_connects()
        reset(client)
        self.assertEqual(receive_until_reset(destination), b'')

    def test_request_one_byte_at_a_time(self):
        self.start_with_acl()
        client = self.send()
        for byte in self.request2() + b'question':
            client.sendall(bytes([byte]))
        self.assertEqual(receive(self.accept(self.listener), 8), b'question')

    def test_version_1_beside_it(self):
        self.start_with_acl()
        self.assert_serves(auth=auth_digest(SECRET))
        self.assert_connects()

    def test_clock_that_is_off_by_less_than_the_window(self):
        self.start_with_acl()
        # A request that is older than the server half may be a replay.
        wait_until(lambda: self.send(self.request2(
            opcode=CHECK, source=UNSPECIFIED, destination=UNSPECIFIED,
            time_ms=now_ms() - 100)).recv(1) == bytes([CONNECTED]),
            'the server half is a tenth of a second old')
        self.assert_connects(self.request2(time_ms=now_ms() + WINDOW_MS - 9000))

    def test_without_an_acl_only_replays_are_refused(self):
        self.server = self.start_server()
        for request in (self.request2(auth='anything', time_ms=0),
                        self.request2(hint=bytes(8), key=bytes(32))):
            client, destination = self.assert_connects(request)
            reset(client)
            receive_until_reset(destination)
            self.assert_answer(REPLAY, request, 'used before')

    def test_only_the_versions_that_the_configuration_allows(self):
        self.start_with_acl({'protocol': 2})
        self.server.mark()
        self.assertEqual(self.answer(self.request(auth=auth_digest(SECRET))),
                         b'')
        self.server.wait_for('refused', reason=re.compile('forbids version 1'))
        self.assert_connects()
        self.server.finish()
        self.start_with_acl({'protocol': 1})
        # Resets it at the first byte, as a server half that knows no other.
        self.assertEqual(self.answer(b'\2'), b'')
        self.server.wait_for('refused', reason=re.compile('forbids version 2'))
        self.assertEqual(self.answer(self.request2()), b'')
        self.assert_serves(auth=auth_digest(SECRET))


class Refused:

    def test_bytes_that_are_wrong(self):
        self.server = self.start_server()
        for status, data in (
                (BAD_VERSION, b'\3'), (BAD_OPCODE, b'\2\3'),
                (MALFORMED, self.request2(destination=(b'12345', 80))),
                (MALFORMED, self.request2(destination=(
                    self.family.destination, 0)))):
            with self.subTest(data=data):
                self.assert_answer(status, data)

    def test_stranger_learns_nothing(self):
        self.start_with_acl()
        good = self.request2()
        for data in (self.request2(auth='unknown'),
                     self.request2(key=bytes(32)),
                     self.request2(hint=derive_hint('of bob')),
                     good[:-1] + bytes([good[-1] ^ 1]),
                     # A stranger's clock is not looked at.
                     self.request2(auth='unknown', time_ms=0)):
            self.assert_answer(NOT_AUTHORIZED, data, 'has the key', user='-')
        # None of them was remembered.
        self.assert_connects(good)

    def test_clock_that_is_off(self):
        self.start_with_acl()
        for time_ms, words in (
                (now_ms() - WINDOW_MS - 40_000,
                 r'1\d\d\.\d+ s ago: .*clock is behind, or it was on its way'),
                (now_ms() + WINDOW_MS + 130_000,
                 r'1\d\d\.\d+ s from now: .*clock is ahead;'),
                # Numbers are unsigned.
                (2**64 - 1, r'\d+\.\d+ s from now: .*clock is ahead;'),
                (2**63 + now_ms() + 1000,
                 r'\d+\.\d+ s from now: .*clock is ahead;')):
            before = now_ms()
            answer = self.answer(self.request2(time_ms=time_ms))
            self.assertEqual(answer[:1], bytes([CLOCK_OFF]))
            (told,) = struct.unpack('>Q', answer[1:])
            self.assertTrue(before <= told <= now_ms())
            self.server.wait_for('refused', user='alice', reason=re.compile(
                f'^the request was made {words}.* at most 60 s'))

    def test_replay(self):
        self.start_with_acl()
        request = self.request2()
        client, destination = self.assert_connects(request)
        reset(client)
        receive_until_reset(destination)
        for _ in range(2):
            self.assert_answer(REPLAY, request, 'used before', user='alice')
        self.assert_answer(
            REPLAY, self.request2(time_ms=now_ms() - WINDOW_MS // 2),
            'before this server half started')
        self.assert_connects()

    def test_what_the_acl_forbids(self):
        self.start_with_acl(allowed_src_ips=[self.family.user],
                            allowed_dst_ips=[self.family.destination],
                            max_connections=1)
        self.assert_answer(SOURCE_DENIED, self.request2(
            source=(self.family.second_user, fresh_port())), 'allowed_src_ips')
        self.assert_answer(DESTINATION_DENIED, self.request2(
            destination=(self.family.second_destination, 80)),
            'allowed_dst_ips')
        self.assert_connects()
        again = self.request2(source=(self.family.user, fresh_port()))
        self.assert_answer(LIMITED, again, 'max_connections', user='alice')

    def test_what_the_network_says(self):
        self.start_with_acl({'timeout': '500ms'})
        self.listener.close()
        self.assert_answer(REFUSED, self.request2())
        self.assert_answer(UNREACHABLE, self.request2(
            destination=(self.family.unreachable, 80)))
        self.assert_answer(NETWORK_FAILURE, self.request2(
            destination=(self.unrouted, 80)), '^Network is unreachable')
        self.assert_answer(DESTINATION_DENIED, self.request2(
            destination=SERVER if self.family is IPV4 else
            (IPV6.exit_link, SERVER_PORT)), 'this listener')
        full = self.listen(self.net.destination, self.family.destination)
        full.listen(0)
        # The backlog is full, and further handshakes are not answered.
        self.connect(self.net.exit, full.getsockname()[:2])
        self.assert_answer(TIMED_OUT, self.request2(
            destination=full.getsockname()[:2]))

    def test_each_kind_is_counted(self):
        server = self.start_with_acl()
        request = self.request2(opcode=CHECK, source=UNSPECIFIED,
                                destination=UNSPECIFIED)
        self.assertEqual(receive_all(self.send(request)), bytes([CONNECTED]))
        # A check is no refusal, but a replay is one.
        self.assert_answer(REPLAY, request, 'used before', user='alice')
        relay = self.request2()
        client, _ = self.assert_connects(relay)
        reset(client)
        self.assert_answer(REPLAY, relay, 'used before')
        for opcode in RELAY, CHECK:
            self.answer(self.request2(time_ms=0, opcode=opcode))
        server.send_signal(signal.SIGUSR1)
        counted = server.wait_for('user', user='alice')
        self.assertEqual((counted['replay'], counted['clock'],
                          counted['refused']), ('2', '2', '4'))


class Checks:

    def test_check_says_what_a_connection_would_see(self):
        server = self.start_with_acl(allowed_src_ips=[self.family.user],
                                     allowed_dst_ips=[self.family.destination],
                                     max_connections=1)
        server.mark()
        self.assertEqual(self.check(), bytes([CONNECTED]))
        self.assertEqual(self.check(source=UNSPECIFIED,
                                    destination=UNSPECIFIED),
                         bytes([CONNECTED]))
        # No stream follows a check; bytes that come with it do no harm.
        self.assertEqual(receive_all(self.send(
            self.request2(opcode=CHECK) + bytes(1000))), bytes([CONNECTED]))
        for status, fields in (
                (SOURCE_DENIED,
                 {'source': (self.family.second_user, fresh_port())}),
                (DESTINATION_DENIED,
                 {'destination': (self.family.second_destination, 80)}),
                (MALFORMED, {'destination': (self.family.destination, 0)})):
            self.assert_answer(status, self.request2(opcode=CHECK, **fields))
        self.assert_answer(NOT_AUTHORIZED,
                           self.request2(opcode=CHECK, auth='x'),
                           'has the key')
        self.assertEqual(self.answer(self.request2(
            opcode=CHECK, time_ms=0))[:1], bytes([CLOCK_OFF]))
        server.wait_for('refused', user='alice',
                        reason=re.compile('was made .* s ago: '))
        # Nobody was connected, and no place was taken.
        self.listener.setblocking(False)
        self.assertRaises(BlockingIOError, self.listener.accept)
        self.listener.setblocking(True)
        self.assert_connects()
        self.assert_answer(LIMITED, self.request2(
            opcode=CHECK, source=(self.family.user, fresh_port())))
        # Of all that, the log shows the stranger and the clock only.
        self.assertEqual(server.log.count(' refused '), 2)


class Hostile:

    def test_request_that_is_cut_off_anywhere_leaves_nothing_behind(self):
        server = self.start_with_acl()
        request = self.request2()
        self.assertEqual(self.check(), bytes([CONNECTED]))
        server.await_rest(SERVER_PORT)
        descriptors = server.descriptors()
        for length in range(1, len(request)):
            client = self.send(request[:length])
            end_stream(client)
            self.assertEqual(receive_until_reset(client), b'')
            reset(self.send(request[:length]))
        server.await_rest(SERVER_PORT)
        wait_until(lambda: server.descriptors() == descriptors,
                   'its descriptors are closed')
        # None of them was remembered.
        client, destination = self.assert_connects(request)
        reset(client)
        receive_until_reset(destination)
        self.assert_answer(REPLAY, request, 'used before')

    def test_end_or_reset_right_behind_the_request(self):
        server = self.start_with_acl()
        client = self.send(self.request2() + b'question')
        end_stream(client)
        destination = self.accept(self.listener)
        self.assertEqual(receive_all(destination), b'question')
        destination.sendall(b'answer')
        end_stream(destination)
        self.assertEqual(receive_all(client), bytes([CONNECTED]) + b'answer')
        for opcode in RELAY, CHECK:
            source = (self.family.user, fresh_port())
            reset(self.send(self.request2(source=source, opcode=opcode)))
        self.assertEqual(self.check(), bytes([CONNECTED]))
        server.await_rest(SERVER_PORT)

    def test_key_that_a_reload_removes_while_its_request_comes(self):
        server = self.start_with_acl()
        request = self.request2()
        pending = self.send(request[:40])
        # What is accepted now is so in the order of the backlog.
        self.assertEqual(self.check(), bytes([CONNECTED]))
        server.reload({**self.config, 'acl': [
            {'name': 'bob', 'auth': 'of bob'}]})
        server.wait_for('reloaded')
        # It began when the key was valid; the configuration is its own.
        pending.sendall(request[40:])
        self.assertEqual(receive(pending, 1), bytes([CONNECTED]))
        self.assert_answer(NOT_AUTHORIZED, request, 'has the key')


class Floods:

    def test_flood_of_bad_macs_is_not_remembered(self):
        self.start_with_acl()
        # The beginning of the MAC, which is what is remembered, is right.
        good = [self.request2(opcode=CHECK, source=UNSPECIFIED,
                              destination=UNSPECIFIED) for _ in range(20)]
        for _ in range(10):
            for request in good:
                self.assertEqual(self.answer(request[:-1] + bytes(
                    [request[-1] ^ 1])), bytes([NOT_AUTHORIZED]))
        for request in good:
            self.assertEqual(receive_all(self.send(request)),
                             bytes([CONNECTED]))

    def test_clock_that_was_ahead_at_the_start_is_set_back(self):
        injection = Injection()
        injection.set_clock(HOUR_S)
        self.start_with_acl(options=injection.options)
        ahead = self.request2(opcode=CHECK, time_ms=now_ms() + HOUR_S * 1000)
        self.assertEqual(receive_all(self.send(ahead)), bytes([CONNECTED]))
        injection.set_clock(0)
        # No request of now looks as if it was older than the server half.
        self.assert_connects()
        injection.set_clock(HOUR_S)
        self.assert_answer(REPLAY, ahead, 'used before')

    def test_clock_that_was_behind_at_the_start_is_set(self):
        injection = Injection()
        injection.set_clock(-HOUR_S)
        self.start_with_acl(options=injection.options)
        injection.set_clock(0)
        self.assert_answer(
            REPLAY, self.request2(time_ms=now_ms() - WINDOW_MS // 2),
            'before this server half started')
        self.assert_connects()

    def test_replacement_learns_what_the_old_process_serves_after_that(self):
        old = self.start_with_acl()
        request = self.request2(opcode=CHECK)
        pending = self.send(request[:5])
        self.server = self.launch(old.host, 'server', self.config,
                                  flags=('--replace',))
        self.server.wait_for('listening')
        # The old process serves it, and hands no connection over after it.
        pending.sendall(request[5:])
        self.assertEqual(receive_all(pending), bytes([CONNECTED]))
        self.assertEqual(old.wait(), 0)
        self.assert_answer(REPLAY, request, 'used before')

    def test_end_does_not_wait_until_a_refusal_is_taken(self):
        injection = Injection()
        server = self.start_with_acl({'drain_timeout': '1m'},
                                     injection.options)
        gate = self.net.gate
        client = self.send()
        rule = ('INPUT', '-i', 'link0', '-p', 'tcp', '--sport',
                str(SERVER_PORT), '-j', 'DROP')
        gate.run('iptables', '-I', *rule)
        self.addCleanup(gate.run, 'iptables', '-D', *rule)
        client.sendall(self.request2(destination=(self.destination[0], 0)))
        # Neither the request's acknowledgement nor the status arrives.
        wait_until(lambda: any(
            entry.remote == client.getsockname() and
            entry.timer == RETRANSMISSION
            for entry in self.net.exit.tcp_entries(IPV4.af)),
            'the status is on its way')
        # The wait would now last for an hour.
        injection.let_pass(-HOUR_S)
        server.send_signal(signal.SIGTERM)
        server.wait_for('stopped', reset='0')
        self.assertEqual(server.wait(), 0)

    def test_replacement_knows_what_the_old_process_has_served(self):
        old = self.start_with_acl()
        request = self.request2()
        client, destination = self.assert_connects(request)
        unused = self.request2(source=(self.family.user, fresh_port()))
        self.server = self.launch(old.host, 'server', self.config,
                                  flags=('--replace',))
        self.server.wait_for('listening')
        self.assertEqual(old.wait(), 0)
        self.assert_answer(REPLAY, request, 'used before')
        # It is older than the new process, which knows as much as the old one.
        self.assert_connects(unused)
        destination.sendall(b'on')
        self.assertEqual(receive(client, 2), b'on')


class FastOpen:

    def open_fast(self, data):
        """A connection of the gate whose SYN carries the data."""
        with self.net.gate.inside():
            client = self.keep(socket.socket(self.family.af))
        client.settimeout(None)
        client.sendto(data, socket.MSG_FASTOPEN, self.server_address)
        client.settimeout(TIMEOUT)
        return client

    def test_duplicated_syn_with_a_request_is_refused(self):
        self.server_address = (self.family.exit_link, SERVER_PORT)
        self.net.exit.sysctl('ipv4/tcp_fastopen', 3)
        self.net.gate.run('ip', 'tcp_metrics', 'flush')
        self.start_with_acl({'listen': endpoint(*self.server_address)})
        # The first connection gets the cookie.
        check = self.request2(opcode=CHECK, source=UNSPECIFIED,
                              destination=UNSPECIFIED)
        self.assertEqual(receive_all(self.open_fast(check)),
                         bytes([CONNECTED]))
        with self.net.gate.inside():
            wire = self.keep(socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
            wire.bind(('link0', ETH_P_ALL))
        wire.settimeout(TIMEOUT)
        request = self.request2()
        client = self.open_fast(request)
        destination = self.accept(self.listener)
        # Such a SYN was copied somewhere, and arrives when the connection has
        # ended.
        syn = wire.recv(1 << 16)
        while request not in syn or not self.is_syn(syn):
            syn = wire.recv(1 << 16)
        reset(client)
        receive_until_reset(destination)
        self.server.wait_for('closed')
        self.server.mark()
        wire.send(self.with_checksum(syn))
        self.server.wait_for('refused', user='alice',
                             reason='this request was used before')
        self.listener.setblocking(False)
        self.assertRaises(BlockingIOError, self.listener.accept)

    def tcp_offset(self):
        """In a frame of Ethernet without options of IP."""
        return 14 + (20 if self.family is IPV4 else 40)

    def is_syn(self, frame):
        return frame[self.tcp_offset() + 13] & (SYN | ACK) == SYN

    def with_checksum(self, frame):
        """The kernel leaves the checksum to the device, a copy has it."""
        start = self.tcp_offset()
        segment = bytearray(frame[start:])
        segment[16:18] = bytes(2)
        addresses = frame[start - (8 if self.family is IPV4 else 32):start]
        summed = (addresses + struct.pack(
            '>HH', socket.IPPROTO_TCP, len(segment)) + segment +
            bytes(len(segment) % 2))
        total = sum(struct.unpack(f'>{len(summed) // 2}H', summed))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        segment[16:18] = struct.pack('>H', ~total & 0xffff)
        return frame[:start] + bytes(segment)


class Version2IPv4(Served, Refused, Checks, Hostile, Floods, FastOpen,
                   Version2Case):
    family = IPV4
    unrouted = '198.18.0.1'


class Version2IPv6(Served, Refused, Checks, FastOpen, Version2Case):
    family = IPV6
    unrouted = '2001:db8:9999::1'
