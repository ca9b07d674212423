"""Which version the client half speaks, and what it makes of the answers."""

import json
import re
import signal
import struct
import time

from cases import SERVER, RoutedCase
from families import IPV4, IPV6
from injection import Injection
from peers import (end_stream, receive, receive_all, receive_request,
                   receive_until_reset, reset, wait_until_taken)
from sandbox import BINARY
from test_fast_open import FastOpenCase
from waiting import wait_until
from wire import (CHECK, CLOCK_OFF, CONNECTED, RELAY, UNSPECIFIED,
                  encode_again, now_ms)

AUTH = 'secret'
PORT = 80
HOUR_S = 3600

# So many that some come before the request is sent.
RESETS = 30


class ScriptedCase(RoutedCase):
    """The test itself is the server half."""

    def setUp(self):
        super().setUp()
        self.listener = self.listen(self.net.exit, *SERVER)
        self.destination = (self.family.destination, PORT)

    def start_gate(self, protocol=2, config=None, **options):
        return self.start_client({
            'protocol': protocol, **(config or {}),
            'outbound': {'server': '%s:%d' % SERVER, 'auth': AUTH}}, **options)

    def dial(self):
        """A user connects. Returns both ends, and the request."""
        user = self.connect(self.net.user, self.destination)
        server = self.accept(self.listener)
        data = receive_request(server)
        self.assertEqual(data, encode_again(
            data, user.getsockname()[:2], self.destination, AUTH))
        return user, server, data

    def accept_check(self):
        server = self.accept(self.listener)
        data = receive_request(server)
        self.assertEqual(data, encode_again(
            data, UNSPECIFIED, UNSPECIFIED, AUTH, CHECK))
        return server

    def close_well(self, user, server):
        """Both ends end their streams, and see the end of the other one's."""
        end_stream(user)
        self.assertEqual(receive_all(server), b'')
        end_stream(server)
        self.assertEqual(receive_all(user), b'')


# The status, and what the log of the client half says.
REFUSALS = {
    1: 'refused by the server half: it calls the request malformed',
    32: 'refused by the server half: not authorized',
    41: 'refused by the server half: the request was used before',
    42: 'refused by the server half: source not allowed',
    43: 'refused by the server half: destination not allowed',
    44: 'refused by the server half: the user has reached max_connections',
    64: 'refused by the server half: its resources are exhausted',
    65: 'refused by the server half: it has no route, or cannot use the source',
    96: 'the destination refused',
    97: 'the destination is unreachable',
    98: 'the destination did not answer',
    # Of a later version.
    63: 'refused by the server half: this request is not allowed',
    127: 'the destination has failed',
    200: 'refused by the server half: it answers with bytes that are no answer',
}
REASONS = {1: 'malformed', 32: 'denied', 41: 'replay', 44: 'limited',
           97: 'unreachable'}


class Answers:

    def test_a_refusal_is_named_and_the_user_is_reset(self):
        client = self.start_gate()
        for status, reason in REFUSALS.items():
            with self.subTest(status=status):
                client.mark()
                user, server, _ = self.dial()
                server.sendall(bytes([status]) + b'no stream')
                self.assertEqual(receive_until_reset(user), b'')
                event = client.wait_for('refused', reason=reason,
                                        tried='ask the server')
                self.assertEqual(event.level,
                                 'info' if status in (96, 97, 98, 127)
                                 else 'error')
                self.assertEqual(client.events('established'), [])
                self.assertEqual(client.events('closed'), [])
        status = json.loads(self.net.gate.run(
            BINARY, 'status', '--json', 'client', client.config_path).stdout)
        self.assertIn(status['refusals'][0]['reason'], REFUSALS.values())
        user = status['users'][0]
        for code, name in REASONS.items():
            self.assertGreaterEqual(user['refused'].get(name, 0), 1, code)
        self.assertEqual(user['established'], 0)

    def test_a_clock_that_is_off_is_named_however_it_comes(self):
        client = self.start_gate()
        for first in (9, 1, 5):
            with self.subTest(first=first):
                client.mark()
                user, server, _ = self.dial()
                answer = bytes([CLOCK_OFF]) + struct.pack(
                    '>Q', now_ms() + 99_000)
                server.sendall(answer[:first])
                if first < len(answer):
                    wait_until_taken(server)
                    server.sendall(answer[first:])
                self.assertEqual(receive_until_reset(user), b'')
                client.wait_for('refused', reason=re.compile(
                    r'^refused by the server half: the clocks differ too much:'
                    r' this host is 9[0-9]\.[0-9]{3} s behind$'))

    def test_a_request_that_was_late_is_not_laid_upon_the_clocks(self):
        client = self.start_gate()
        user, server, _ = self.dial()
        server.sendall(bytes([CLOCK_OFF]) + struct.pack('>Q', now_ms()))
        self.assertEqual(receive_until_reset(user), b'')
        client.wait_for('refused', reason=re.compile(
            'too long on its way, and the clocks agree: this host is '))

    def test_a_clock_that_is_off_is_named_without_the_clock(self):
        client = self.start_gate()
        user, server, _ = self.dial()
        server.sendall(bytes([CLOCK_OFF]))
        wait_until_taken(server)
        reset(server)
        self.assertEqual(receive_until_reset(user), b'')
        client.wait_for('refused', reason='refused by the server half: the '
                        'clocks differ too much')

    def test_the_stream_begins_behind_the_answer(self):
        client = self.start_gate()
        for glued, later in (b'', b''), (b'', b'later'), (b'glued', b'later'):
            with self.subTest(glued=glued, later=later):
                client.mark()
                user, server, _ = self.dial()
                server.sendall(bytes([CONNECTED]) + glued)
                client.wait_for('established')
                self.assertEqual(receive(user, len(glued)), glued)
                server.sendall(later)
                self.assertEqual(receive(user, len(later)), later)
                self.close_well(user, server)
                client.wait_for('closed', received=str(len(glued + later)),
                                end='eof')

    def test_a_server_that_never_answers_has_not_established_anything(self):
        client = self.start_gate(config={'timeout': '1s'})
        user, _, _ = self.dial()
        self.assertEqual(receive_until_reset(user), b'')
        event = client.wait_for('closed', end='idle', reason='the server half '
                                'has not answered within timeout')
        self.assertEqual(event.level, 'warning')
        self.assertEqual(client.events('established'), [])

    def test_the_end_may_come_with_the_answer(self):
        client = self.start_gate()
        user, server, _ = self.dial()
        server.sendall(bytes([CONNECTED]) + b'all')
        end_stream(server)
        self.assertEqual(receive_all(user), b'all')
        user.sendall(b'goes on')
        end_stream(user)
        self.assertEqual(receive_all(server), b'goes on')
        client.wait_for('closed', end='eof', by='server')

    def test_a_reset_behind_the_answer_is_the_destinations(self):
        client = self.start_gate()
        for glued in b'', b'all':
            with self.subTest(glued=glued):
                client.mark()
                user, server, _ = self.dial()
                server.sendall(bytes([CONNECTED]) + glued)
                wait_until_taken(server)
                reset(server)
                self.assertEqual(receive_until_reset(user), glued)
                event = client.wait_for('closed', end='reset', by='server',
                                        reason='Connection reset by peer')
                self.assertEqual(event.level, 'info')

    def test_an_end_without_an_answer_is_a_refusal_without_a_cause(self):
        client = self.start_gate()
        for end in end_stream, reset:
            with self.subTest(end=end.__name__):
                client.mark()
                user, server, _ = self.dial()
                end(server)
                self.assertEqual(receive_until_reset(user), b'')
                client.wait_for('closed', end='reset', by='server',
                                reason=re.compile('see its log'))

    def test_the_user_may_end_the_stream_before_the_answer(self):
        self.start_gate()
        user, server, _ = self.dial()
        user.sendall(b'all of it')
        end_stream(user)
        self.assertEqual(receive_all(server), b'all of it')
        server.sendall(bytes([CONNECTED]) + b'answer')
        end_stream(server)
        self.assertEqual(receive_all(user), b'answer')

    def test_a_user_who_goes_before_the_answer_is_counted(self):
        client = self.start_gate()
        user, server, _ = self.dial()
        reset(user)
        self.assertEqual(receive_until_reset(server), b'')
        client.wait_for('closed', end='reset', by='user')
        user, = json.loads(self.net.gate.run(
            BINARY, 'status', '--json', 'client',
            client.config_path).stdout)['users']
        self.assertEqual((user['established'], user['refused']), (1, {}))

    def test_an_answer_may_come_to_the_next_process(self):
        old = self.start_gate()
        waiting = [self.dial() for _ in range(3)]
        waiting[1][1].sendall(bytes([CLOCK_OFF]))
        wait_until_taken(waiting[1][1])
        new = self.launch(self.net.gate, 'client',
                          json.load(open(old.config_path)),
                          flags=('--replace',))
        new.wait_for('listening')
        self.assertEqual(old.wait(), 0)
        waiting[0][1].sendall(bytes([CONNECTED]) + b'hello')
        waiting[1][1].sendall(struct.pack('>Q', now_ms() - 70_000))
        waiting[2][1].sendall(bytes([44]))
        self.assertEqual(receive(waiting[0][0], 5), b'hello')
        self.close_well(*waiting[0][:2])
        for user, _, _ in waiting[1:]:
            self.assertEqual(receive_until_reset(user), b'')
        new.wait_for('refused', reason=re.compile('this host is 7[0-9]'))
        new.wait_for('refused', reason=REFUSALS[44])

    def test_no_two_requests_are_the_same(self):
        self.start_gate()
        seen = set()
        before = now_ms()
        for _ in range(5):
            user, server, data = self.dial()
            seen.add(data[10:26])
            self.assertLessEqual(before, struct.unpack('>Q', data[2:10])[0])
            self.assertLessEqual(struct.unpack('>Q', data[2:10])[0], now_ms())
            reset(server)
            receive_until_reset(user)
        self.assertEqual(len(seen), 5)


class AnswersIPv4(Answers, ScriptedCase):
    family = IPV4


class AnswersIPv6(Answers, ScriptedCase):
    family = IPV6


class Auto:
    """The version that the server speaks is found out, and never forced."""

    def dial_version(self, version):
        user, server, data = self.dial()
        self.assertEqual(data[0], version)
        return user, server

    def learn(self, client, answer=bytes([CONNECTED])):
        """The check at start is answered like that."""
        server = self.accept_check()
        server.sendall(answer)
        client.wait_for('server-version', version='2')
        self.assertEqual(receive(server, 1), b'')

    def test_a_user_is_never_the_question(self):
        client = self.start_gate('auto')
        check = self.accept_check()
        user, server = self.dial_version(1)
        server.sendall(b'version 1')
        self.assertEqual(receive(user, 9), b'version 1')
        check.sendall(bytes([CONNECTED]))
        client.wait_for('server-version', version='2')
        self.dial_version(2)
        self.close_well(user, server)

    def test_a_server_that_resets_version_2_gets_version_1(self):
        client = self.start_gate('auto')
        reset(self.accept_check())
        event = client.wait_for('server-version', version='1')
        self.assertEqual(event.level, 'info')
        for _ in range(3):
            # Nothing asks again within the hour.
            user, server = self.dial_version(1)
            server.sendall(b'!')
            self.assertEqual(receive(user, 1), b'!')
            self.close_well(user, server)

    def test_a_server_that_ends_version_2_gets_version_1(self):
        client = self.start_gate('auto')
        self.accept_check().close()
        client.wait_for('server-version', version='1')
        self.dial_version(1)

    def test_a_server_that_refuses_the_check_speaks_version_2(self):
        client = self.start_gate('auto')
        self.learn(client, bytes([32]))
        client.wait_for('check-refused', reason=REFUSALS[32])
        self.dial_version(2)

    def test_no_reset_forces_it_down_within_the_hour(self):
        client = self.start_gate('auto')
        self.learn(client)
        for _ in range(3):
            user, server = self.dial_version(2)
            reset(server)
            self.assertEqual(receive_until_reset(user), b'')
            client.send_signal(signal.SIGHUP)
            client.wait_for('reloaded')
            client.mark()
        # And no check came in between.
        user, server = self.dial_version(2)
        server.sendall(bytes([CONNECTED]) + b'!')
        self.assertEqual(receive(user, 1), b'!')
        self.assertEqual(client.events('server-version'), [])

    def dial_answered(self):
        user, server = self.dial_version(2)
        server.sendall(bytes([CONNECTED]) + b'!')
        self.assertEqual(receive(user, 1), b'!')
        self.close_well(user, server)

    def dial_asking(self):
        """A user and a check connect, in any order. Returns the ends."""
        user = self.connect(self.net.user, self.destination)
        ends = [self.accept(self.listener) for _ in range(2)]
        requests = [receive_request(end) for end in ends]
        if requests[0][1] == CHECK:
            ends.reverse()
            requests.reverse()
        self.assertEqual([request[:2] for request in requests],
                         [bytes([2, RELAY]), bytes([2, CHECK])])
        return user, *ends

    def test_the_hour_is_that_after_the_last_status(self):
        injection = Injection()
        client = self.start_gate('auto', **injection.options)
        self.learn(client)
        client.mark()
        for i in range(1, 3):
            injection.let_pass(i * (HOUR_S - 60))
            self.dial_answered()
            user, server = self.dial_version(2)
            reset(server)
            self.assertEqual(receive_until_reset(user), b'')
        # Nothing has asked until now, and then only the check counts.
        injection.let_pass(3 * HOUR_S)
        user, server, check = self.dial_asking()
        reset(server)
        self.assertEqual(receive_until_reset(user), b'')
        user, server = self.dial_version(2)
        self.assertEqual(client.events('server-version'), [])
        reset(check)
        client.wait_for('server-version', version='1',
                        reason=re.compile('^it spoke version 2 before'))
        self.dial_version(1)

    def test_a_user_who_is_answered_counts_more_than_a_check(self):
        injection = Injection()
        client = self.start_gate('auto', **injection.options)
        self.learn(client)
        client.mark()
        injection.let_pass(HOUR_S + 1)
        user, server, check = self.dial_asking()
        server.sendall(bytes([CONNECTED]) + b'!')
        self.assertEqual(receive(user, 1), b'!')
        end_stream(check)
        # The client half closes it behind that.
        self.assertEqual(receive_all(check), b'')
        self.dial_answered()
        self.assertEqual(client.events('server-version'), [])

    def test_a_reload_asks_a_server_that_spoke_version_1(self):
        client = self.start_gate('auto')
        reset(self.accept_check())
        client.wait_for('server-version', version='1')
        client.send_signal(signal.SIGHUP)
        self.learn(client)
        self.dial_version(2)

    def test_protocol_1_makes_it_forget_version_2(self):
        client = self.start_gate('auto')
        self.learn(client)
        config = json.load(open(client.config_path))
        client.reload(json.dumps({**config, 'protocol': 1}))
        client.wait_for('reloaded')
        user, server = self.dial_version(1)
        self.close_well(user, server)
        # By now somebody may have put an older server half there.
        client.mark()
        client.reload(json.dumps(config))
        reset(self.accept_check())
        event = client.wait_for('server-version', version='1')
        self.assertEqual(event.level, 'info')
        self.dial_version(1)

    def show(self, client, *options):
        return self.net.gate.run(BINARY, 'status', *options, 'client',
                                 client.config_path).stdout

    def shown(self, client):
        """What status says of the server's version, and for how long."""
        server, = json.loads(self.show(client, '--json'))['servers']
        self.assertEqual(server['address'], '%s:%d' % SERVER)
        if server['protocol'] is None:
            self.assertIsNone(server['protocol_until'])
        else:
            self.assertAlmostEqual(server['protocol_until'],
                                   time.time() + 3600, delta=60)
        return server['protocol'], server['requests']

    def test_status_shows_what_is_known(self):
        client = self.start_gate('auto')
        check = self.accept_check()
        self.assertEqual(self.shown(client), (None, 0))
        row = r'(?m)^%s:%d +0 +never +' % SERVER
        self.assertRegex(self.show(client), row + 'unknown$')
        reset(check)
        client.wait_for('server-version', version='1')
        self.assertEqual(self.shown(client), (1, 0))
        client.send_signal(signal.SIGHUP)
        self.learn(client)
        self.assertRegex(self.show(client), row + '2$')
        self.assertRegex(self.show(client, '--metrics'),
                         r'(?m)^srcproxy_server_protocol_version\{.*,server='
                         r'"%s:%d"\} 2$' % SERVER)
        self.dial_version(2)
        wait_until(lambda: self.shown(client) == (2, 1), 'it counts the user')
        self.assertEqual(self.shown(self.replace(client)), (2, 0))

    def replace(self, client):
        new = self.launch(self.net.gate, 'client',
                          json.load(open(client.config_path)),
                          flags=('--replace',))
        new.wait_for('listening')
        self.assertEqual(client.wait(), 0)
        return new

    def test_status_counts_requests_to_a_server_that_resets_at_once(self):
        client = self.start_gate(1)
        for _ in range(RESETS):
            with self.connect(self.net.user, self.destination) as user:
                reset(self.accept(self.listener))
                self.assertEqual(receive_until_reset(user), b'')
        told = json.loads(self.show(client, '--json'))
        # A reset in the middle of connect(2) is no connection, nor a request.
        self.assertEqual(told['servers'][0]['requests'],
                         told['users'][0]['established'])

    def test_the_next_process_knows_what_the_one_before_knew(self):
        client = self.start_gate('auto')
        self.learn(client)
        # No connection is open that could tell it.
        for _ in range(2):
            client = self.replace(client)
            user, server = self.dial_version(2)
            reset(server)
            self.assertEqual(receive_until_reset(user), b'')
        self.dial_version(2)
        # And no check came in between.
        self.assertEqual(client.events('server-version'), [])

    def test_the_next_process_is_not_told_of_a_check_that_goes_on(self):
        client = self.start_gate('auto')
        unanswered = self.accept_check()
        client = self.replace(client)
        self.learn(client)
        self.dial_version(2)
        unanswered.close()

    def test_the_next_process_says_no_version_again(self):
        client = self.start_gate('auto')
        reset(self.accept_check())
        client.wait_for('server-version', version='1')
        client = self.replace(client)
        # As a reload, the start may come with a new version of the server half.
        reset(self.accept_check())
        user, server = self.dial_version(1)
        self.close_well(user, server)
        client.stop()
        self.assertEqual(client.events('server-version'), [])

    def test_a_number_asks_nothing(self):
        for version in (1, 2):
            with self.subTest(version=version):
                client = self.start_gate(version)
                # The first connection that comes is the user's.
                user, server = self.dial_version(version)
                reset(server)
                self.assertEqual(receive_until_reset(user), b'')
                client.stop()


class AutoIPv4(Auto, ScriptedCase):
    family = IPV4


class Pairs:
    """Both halves are real ones, of all versions."""

    def assert_serves_with(self, server_protocol, client_protocol):
        server = self.start_server({'protocol': server_protocol})
        client = self.start_client({'protocol': client_protocol})
        if client_protocol == 'auto':
            client.wait_for('server-version',
                            version='1' if server_protocol == 1 else '2')
        self.assert_proxies()
        client.stop()
        server.stop()
        return client, server

    def test_halves_of_all_versions_understand_one_another(self):
        for pair in ((1, 1), (1, 'auto'), ('auto', 1), ('auto', 'auto'),
                     ('auto', 2), (2, 'auto'), (2, 2)):
            with self.subTest(server=pair[0], client=pair[1]):
                self.assert_serves_with(*pair)

    def test_an_old_server_half_logs_one_refused_line(self):
        client, server = self.assert_serves_with(1, 'auto')
        self.assertEqual(len(server.events('refused')), 1)
        self.assertEqual(client.warnings(), [])

    def test_halves_without_a_common_version_say_so(self):
        for pair in (1, 2), (2, 1):
            with self.subTest(server=pair[0], client=pair[1]):
                server = self.start_server({'protocol': pair[0]})
                client = self.start_client({'protocol': pair[1]})
                self.assert_reset(self.net.user,
                                  (self.family.destination, PORT))
                server.wait_for('refused')
                client.wait_for('closed', end='reset', by='server')
                client.stop()
                server.stop()

    def test_the_server_half_may_be_updated_first(self):
        server = self.start_server({'protocol': 1})
        client = self.start_client({'protocol': 1})
        self.assert_proxies()
        server.stop()
        self.start_server()
        self.assert_proxies()
        client.stop()
        client = self.start_client({'protocol': 'auto'})
        client.wait_for('server-version', version='2')
        self.assert_proxies()

    def test_the_client_half_may_be_updated_first(self):
        server = self.start_server({'protocol': 1})
        client = self.start_client({'protocol': 'auto'})
        client.wait_for('server-version', version='1')
        self.assert_proxies()
        server.stop()
        self.start_server()
        self.assert_proxies()
        client.send_signal(signal.SIGHUP)
        client.wait_for('server-version', version='2')
        self.assert_proxies()


class PairsIPv4(Pairs, RoutedCase):
    family = IPV4


class PairsIPv6(Pairs, RoutedCase):
    family = IPV6


class Causes:
    """The gate's log has the cause, and the exit's has the same connection."""

    def assert_refused(self, reason, to=None, level='error', **server):
        self.start_server(server)
        client = self.start_client({'protocol': 2})
        to = to or self.listen_at_destination().getsockname()[:2]
        self.assert_reset(self.net.user, to)
        self.assertEqual(client.wait_for('refused', reason=reason).level,
                         level)
        self.assertEqual(client.events('closed'), [])

    def test_closed_port(self):
        with self.net.destination.listen(self.family.destination) as closed:
            to = closed.getsockname()[:2]
        self.assert_refused('the destination refused', to, 'info')

    def test_destination_without_a_route(self):
        self.assert_refused('the destination is unreachable',
                            (self.family.unreachable, PORT), 'info')

    def test_destination_that_is_denied(self):
        self.assert_refused(
            'refused by the server half: destination not allowed',
            denied_dst_ips=[self.family.destination])

    def test_source_that_is_not_allowed(self):
        self.assert_refused(
            'refused by the server half: source not allowed',
            acl=[{'allowed_src_ips': [self.family.second_user]}])

    def test_secret_that_is_wrong(self):
        self.assert_refused('refused by the server half: not authorized',
                            acl=[{'auth': 'another one'}])

    def test_user_who_has_too_many(self):
        self.start_server({'acl': [{'max_connections': 1}]})
        client = self.start_client({'protocol': 2})
        listener = self.listen_at_destination()
        self.open(listener)
        self.assert_reset(self.net.user, listener.getsockname()[:2])
        client.wait_for('refused', reason='refused by the server half: the '
                        'user has reached max_connections')


class CausesIPv4(Causes, RoutedCase):
    family = IPV4


class CausesIPv6(Causes, RoutedCase):
    family = IPV6


class FastOpenIPv4(FastOpenCase):
    family = IPV4

    def test_the_syn_carries_a_request_of_version_2(self):
        self.start_exit()
        self.start_client({'protocol': 2})
        self.get_cookie()
        segments = self.watch()
        user, destination = self.serve_one()
        data = self.take_only_syn(segments).payload
        self.assertEqual(data[0], 2)
        self.assertTrue(data.startswith(encode_again(
            data, user.getsockname()[:2], destination.getsockname()[:2])))
