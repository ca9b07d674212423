"""SIGUSR1: the present connections, and what each user has used."""

import datetime
import os
import re
import signal

from cases import SERVER_PORT, RoutedCase, ServerCase, fresh_port
from families import IPV4, IPV6, endpoint
from peers import (background, digest, end_stream, receive, receive_all,
                   receive_until_reset, reset, send_and_end)
from rules import REDIRECT_PORT
from test_request import raise_descriptors
from waiting import wait_until
from wire import auth_digest, encode_request

ALICE = {'name': 'alice', 'auth': 'of alice'}
BOB = {'name': 'bob', 'auth': 'of bob', 'max_connections': 1}
NOBODY = '203.0.113.200'    # a host on a link of the exit
REPORTS = 30
MANY = 2000
MEBIBYTE = 1024 * 1024


def utc_now():
    """The time in the format of the log."""
    return datetime.datetime.utcnow().isoformat(timespec='milliseconds') + 'Z'


def holders(log, address, when):
    """Finds in the log alone which users had that address and port then."""
    having = {}
    for line in log.splitlines():
        if line.split()[0] <= when and f' used={endpoint(*address)} ' in line:
            number, user = re.search(r' id=(\d+) user=(\S+) ', line).groups()
            having[number] = user
            if ' closed ' in line:
                del having[number]
    return list(having.values())


class Report:

    def report(self, half):
        """Asks for a report.

        Returns the events of connections, and those of users by their names.
        """
        half.mark()
        half.send_signal(signal.SIGUSR1)
        end = half.wait_for('reported')
        connections = half.events('connection')
        users = {event['user']: event for event in half.events('user')}
        self.assertEqual(end['connections'], str(len(connections)))
        self.assertEqual(end['accounts'], str(len(users)))
        return connections, users

    def only_connection(self, half, moved=('0', '0')):
        (connection,), _ = self.report_of(half, moved)
        return connection

    def report_of(self, half, *moved):
        """Waits for a report with these numbers of bytes.

        The peers have the bytes before the half counts them. moved: the bytes
        each way of each connection, the newest first.
        """
        def report():
            connections, users = self.report(half)
            return [(connection['sent'], connection['received'])
                    for connection in connections] == list(moved) and (
                        connections, users)
        return wait_until(report, f'connections have moved {moved}')

    def assert_fields(self, event, **fields):
        self.assertEqual({name: event.get(name) for name in fields}, fields)


class Connections(Report):

    def test_connection_is_told_from_where_to_where_it_goes(self):
        client, server = self.start_client(), self.start_server()
        listener = self.listen_at_destination()
        to = endpoint(*listener.getsockname()[:2])
        source = (self.family.user, fresh_port())
        user, destination = self.open(listener, source)
        user.sendall(b'12345')
        receive(destination, 5)
        destination.sendall(b'123')
        receive(user, 3)
        peer = server.wait_for('established')['peer']
        told = self.only_connection(server, ('5', '3'))
        self.assert_fields(
            told, id='1', user='-', peer=peer, source=endpoint(*source),
            used=endpoint(*destination.getpeername()[:2]), destination=to,
            state='established', sent='5', received='3', sending='open',
            receiving='open')
        self.assertLessEqual(float(told['idle']), float(told['seconds']))
        self.assert_fields(
            self.only_connection(client, ('5', '3')), peer=endpoint(*source),
            source=endpoint(*source), used=peer, destination=to, sent='5',
            received='3')

    def test_each_direction_has_its_own_end(self):
        halves = self.start_client(), self.start_server()
        user, destination = self.open()
        end_stream(user)
        receive_all(destination)
        for half in halves:
            self.assert_fields(self.only_connection(half),
                               state='established', sending='ended',
                               receiving='open')
        end_stream(destination)
        receive_all(user)
        for half, first in zip(halves, ('user', 'client')):
            self.assert_fields(half.wait_for('closed'), end='eof', by=first)
            self.assertEqual(self.report(half)[0], [])


class ConnectionsIPv4(Connections, RoutedCase):
    family = IPV4

    def test_reports_disturb_nobody(self):
        halves = self.start_client(), self.start_server()
        user, destination = self.open()
        data = os.urandom(8 * MEBIBYTE)
        sending = background(send_and_end, user, data)
        receiving = background(receive_all, destination)
        for _ in range(REPORTS):
            for half in halves:
                half.send_signal(signal.SIGUSR1)
            self.assert_proxies()
        sending.result()
        self.assertEqual(digest(receiving.result()), digest(data))
        reset(destination)
        for half, port in zip(halves, (REDIRECT_PORT, SERVER_PORT)):
            half.wait_for('closed', sent=str(len(data)))
            # The last of the others may have ended a moment ago only.
            half.await_rest(port)
            _, users = self.report(half)
            self.assert_fields(users['-'], connections='0',
                               established=str(REPORTS + 1), refused='0')

    def test_very_many_are_all_told_while_one_goes_on(self):
        raise_descriptors()
        halves = self.start_client(), self.start_server()
        listener = self.listen_at_destination()
        for _ in range(MANY):
            user, destination = self.open(listener)
        for half in halves:
            half.mark()
            half.send_signal(signal.SIGUSR1)
            user.sendall(b'still there?')
            receive(destination, 12)
            self.assert_fields(half.wait_for('reported'),
                               connections=str(MANY))
            self.assertEqual({event['id'] for event
                              in half.events('connection')},
                             {str(i + 1) for i in range(MANY)})
            self.assertNotIn('log-lost', half.log)

    def test_client_half_knows_no_users(self):
        client = self.start_client()
        self.assert_reset(self.net.user, (self.family.destination, 80))
        client.wait_for('refused')
        _, users = self.report(client)
        self.assertEqual(list(users), ['-'])
        self.assert_fields(users['-'], refused='1', unreachable='1')

    def test_report_is_made_at_each_level_and_while_it_ends(self):
        client, server = self.launch_both({'log_level': 'error'})
        client.reload(self.client_config({'drain_timeout': '10m'}))
        client.wait_for('reloaded')
        self.open()
        self.only_connection(server)
        client.send_signal(signal.SIGTERM)
        client.wait_for('stopping')
        self.only_connection(client)

    def test_those_whom_the_end_resets_are_closed_in_the_log(self):
        self.start_client()
        server = self.start_server({'drain_timeout': '1ms'})
        user, destination = self.open()
        user.sendall(b'12345')
        receive(destination, 5)
        self.only_connection(server, ('5', '0'))
        self.assertEqual(server.stop(), 0)
        self.assert_fields(server.wait_for('closed'), id='1', end='stopped',
                           source=endpoint(*user.getsockname()[:2]),
                           sent='5', received='0')
        server.wait_for('stopped', reset='1')


class ConnectionsIPv6(Connections, RoutedCase):
    family = IPV6


class Users(Report, ServerCase):
    family = IPV4

    def ask(self, user, destination=None, source=None):
        """Sends a request of the user. Returns the gate's end."""
        return self.send(encode_request(
            source or (self.family.user, fresh_port()),
            destination or self.destination, auth_digest(user['auth'])))

    def open_as(self, user, up, down):
        """Opens a connection and sends that many bytes each way."""
        gate = self.ask(user)
        destination = self.accept(self.listener)
        gate.sendall(bytes(up))
        receive(destination, up)
        destination.sendall(bytes(down))
        receive(gate, down)
        return gate, destination

    def test_users_are_told_with_all_that_they_have_had(self):
        server = self.start_server({'acl': [ALICE, BOB]})
        for number in ('1', '2'):
            gate, _ = self.open_as(ALICE, 10, 20)
            reset(gate)
            server.wait_for('closed', id=number)
        self.open_as(ALICE, 1, 2)
        self.open_as(BOB, 3, 4)
        for gate in (self.ask(BOB), self.ask(ALICE, ('127.0.0.1', 80)),
                     self.ask(ALICE, (self.family.destination, 9)),
                     self.ask({'auth': 'of a stranger'}),
                     self.send(b'\1garbage')):
            self.assertEqual(receive_until_reset(gate), b'')
        connections, users = self.report_of(server, ('3', '4'), ('1', '2'))
        self.assertEqual([connection['user'] for connection in connections],
                         ['bob', 'alice'])
        self.assert_fields(users['alice'], connections='1', established='3',
                           sent='21', received='42', refused='2', denied='1',
                           unreachable='1')
        self.assert_fields(users['bob'], connections='1', established='1',
                           sent='3', received='4', refused='1', limited='1')
        self.assert_fields(users['-'], connections='0', established='0',
                           refused='2', denied='1', malformed='1')

    def test_log_tells_who_had_an_address_and_port_at_that_time(self):
        server = self.start_server({'acl': [ALICE, BOB]})
        had = (self.family.user, fresh_port())
        times = []
        for user in (ALICE, BOB, ALICE):
            server.mark()
            # Another user has the same address at the same time.
            pairs = [(self.ask(whose, source=source),
                      self.accept(self.listener))
                     for whose, source in ((user, had), (ALICE, None))]
            server.wait_for('established', used=endpoint(*had))
            times.append(utc_now())
            wait_until(lambda: utc_now() > times[-1], 'the clock goes on')
            for gate, destination in pairs:
                reset(gate)
                receive_until_reset(destination)
            server.wait_for('closed', used=endpoint(*had))
        self.assertEqual([holders(server.log, had, when) for when in times],
                         [['alice'], ['bob'], ['alice']])

    def test_log_tells_from_which_port_somebody_was_refused(self):
        server = self.start_server({'acl': [ALICE], 'source_port': 'any'})
        self.destination = (self.family.destination, 9)
        gate = self.ask(ALICE)
        self.assertEqual(receive_until_reset(gate), b'')
        used = server.wait_for('refused', reason=re.compile('refused'))['used']
        self.assertRegex(used, rf'^{self.family.user}:[1-9][0-9]*$')

    def test_users_are_there_before_they_come_and_after_they_are_gone(self):
        server = self.start_server({'acl': [ALICE]})
        self.assertEqual(list(self.report(server)[1]), ['-', 'alice'])
        server.reload(self.server_config({'acl': [BOB]}))
        server.wait_for('reloaded')
        self.assertEqual(list(self.report(server)[1]), ['-', 'alice', 'bob'])

    def test_users_without_a_name_keep_what_is_theirs(self):
        first, second = ({'auth': f'of number {i}'} for i in (1, 2))
        server = self.start_server({'acl': [first]})
        self.open_as(first, 10, 20)
        server.reload(self.server_config({'acl': [second, first]}))
        server.wait_for('reloaded')
        self.open_as(second, 1, 2)
        connections, users = self.report_of(server, ('1', '2'), ('10', '20'))
        self.assertEqual([connection['user'] for connection in connections],
                         ['acl[0]', 'acl[1]'])
        self.assert_fields(users['acl[0]'], sent='1', received='2')
        self.assert_fields(users['acl[1]'], sent='10', received='20')
        server.mark()
        server.reload(self.server_config({'acl': [second]}))
        server.wait_for('reloaded')
        _, users = self.report(server)
        self.assert_fields(users['acl[-]'], connections='1', sent='10')

    def test_connection_that_is_not_established_is_told_how_far_it_is(self):
        server = self.start_server({'acl': [BOB]})
        gate = self.send()
        wait_until(lambda: self.report(server)[0], 'it is accepted')
        self.assert_fields(
            self.only_connection(server), state='request', user='-',
            peer=endpoint(*gate.getsockname()), source='-', destination='-',
            sending='-', receiving='-')
        reset(gate)
        server.wait_for('refused')
        self.ask(BOB, (NOBODY, 80))
        wait_until(lambda: self.net.exit.is_dialling((NOBODY, 80)),
                   'the exit is dialling')
        connections, users = self.report(server)
        self.assert_fields(connections[0], state='connecting', user='bob',
                           destination=endpoint(NOBODY, 80), used='-')
        self.assert_fields(users['bob'], connections='1', established='0')
