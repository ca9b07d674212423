"""Runs the commands of srcproxy-operations(7).

Commands of an init, a package manager, journald, syslogd, tcpdump and cron are
not run.
"""

import json
import os
import re

from cases import SERVER, RoutedCase, fresh_port
from families import BOTH, IPV4, IPV6, endpoint
from peers import background, receive, receive_until_reset, reset
from sandbox import BINARY, WORK
from test_documents import read
from waiting import wait_until
from wire import auth_digest, encode_request

PAGE = read('man', 'srcproxy-operations.7')
CONFIG_PATH = '/etc/srcproxy/exit.json'
MEBIBYTE = 1024 * 1024


def blocks(title):
    """The commands in that section, as a reader pastes them."""
    section = re.split(r'\n\.S[sh] ', PAGE.split(f'\n.Ss {title}\n')[1])[0]
    return [text.replace('\\e\n', '\\\n') for text in
            re.findall(r'^\.Bd [^\n]*\n(.*?)^\.Ed$', section, re.M | re.S)]


def counters_of(listing):
    return [item['counter'] for item in json.loads(listing)['nftables']
            if 'counter' in item]


class OperationsCase(RoutedCase):
    family = IPV4

    @staticmethod
    def paste(host, commands, **replacements):
        for old, new in replacements.items():
            commands = commands.replace(old, new)
        path = os.path.dirname(BINARY) + ':' + os.environ['PATH']
        return host.run('sh', '-exc', commands,
                        env={'PATH': path, 'LC_ALL': 'C'}).stdout

    def start_pair(self, **options):
        self.server = self.start_server(**options)
        self.client = self.start_client()

    def assert_carries(self, user, destination):
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')

    def assert_cannot_connect(self):
        listener = self.listen_at_destination()
        self.assert_reset(self.net.user, listener.getsockname()[:2])


class Users(OperationsCase):
    """The text that an operator writes into the configuration of the exit."""

    @staticmethod
    def with_acl(entries):
        return (f'{{ listen: "{endpoint(*SERVER)}", drain_timeout: "1s", '
                f'acl: [{entries}] }}')

    def reload(self, entries):
        self.server.mark()
        self.server.reload(self.with_acl(entries))
        self.server.wait_for('reloaded')

    def start_with(self, entries):
        self.server = self.start(self.net.exit, 'server',
                                 self.with_acl(entries))

    def ask_as(self, source, secret, listener):
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(encode_request(source, listener.getsockname()[:2],
                                    auth_digest(secret)))
        return gate

    def test_added_user_is_served_and_a_removed_one_refused(self):
        (alice,) = blocks('Change a secret')
        bob, commands = blocks('Add a user')
        secret = re.search('auth: "(.*)"', bob)[1]
        source = '2001:db8:eeee::7', fresh_port()
        self.start_with(alice)
        self.reload(alice + bob)
        self.paste(self.net.exit, re.sub('systemctl.*\n', '', commands),
                   **{CONFIG_PATH: self.server.config_path})
        listener = self.listen(self.net.destination, IPV6.destination)
        before = self.ask_as(source, secret, listener)
        destination = self.accept(listener)
        self.assertEqual(destination.getpeername()[:2], source)
        self.assert_carries(before, destination)
        self.reload(alice)
        after = self.ask_as((source[0], fresh_port()), secret, listener)
        self.assertEqual(receive_until_reset(after), b'')
        self.assert_carries(before, destination)

    def test_secret_is_changed_and_nobody_refused(self):
        (both,) = blocks('Change a secret')
        old, new = re.findall('    "(.*)"', both)
        self.start_with(both.replace(f'    "{new}",\n', ''))
        client = self.start_client(self.outbound(old))
        first = self.open()
        self.reload(both)
        self.open()
        client.reload(self.client_config(self.outbound(new)))
        client.wait_for('reloaded')
        self.open()
        self.reload(both.replace(f'    "{old}",\n', ''))
        self.open()
        self.assert_carries(*first)
        client.mark()
        client.reload(self.client_config(self.outbound(old)))
        client.wait_for('reloaded')
        self.assert_cannot_connect()

    def outbound(self, secret):
        return {'outbound': {'server': endpoint(*SERVER), 'auth': secret}}


class Tasks(OperationsCase):

    def test_log_tells_who_had_an_address_and_port(self):
        self.start_pair()
        show, now = blocks('Find who had an address and port at some time')
        user, destination = self.open()
        ours = endpoint(*destination.getpeername())
        self.server.wait_for('established', used=ours)
        path = os.path.join(WORK, 'exit.log')
        with open(path, 'w') as file:
            file.write(self.server.log + '\n')
        shown = self.paste(self.net.exit, show, **{
            '198.51.100.10:54321': ours,
            'journalctl --utc -o short-iso-precise -u srcproxy@exit':
                f'cat {path}'})
        (line,) = shown.splitlines()
        self.assertIn(' established ', line)
        (line,) = self.paste(self.net.exit, now, **{
            '198.51.100.10:54321': ours,
            CONFIG_PATH: self.server.config_path}).splitlines()
        self.assertIn(' established ', line)
        user.close()

    def test_status_tells_who_is_connected(self):
        auth = 'of alice, and long enough'
        self.server = self.start_server({'acl': [
            {'name': 'alice', 'auth': auth}]})
        self.start_client({'outbound': {'server': endpoint(*SERVER),
                                        'auth': auth}})
        (ask,) = blocks('See who is connected and who moved how much')
        self.open()
        self.server.wait_for('established')
        said = self.paste(self.net.exit, ask, **{
            CONFIG_PATH: self.server.config_path})
        self.assertRegex(said, r'(?m)^alice +1 ')
        self.assertRegex(said, r'(?m)^ *1  alice ')

    def test_banned_destination_cannot_be_reached(self):
        self.start_pair()
        listener = self.listen(self.net.destination,
                               self.family.second_destination)
        user, destination = self.open(listener)
        denied, end = blocks('Ban a destination')
        server = str(self.server_config()).replace("'", '"')
        self.server.reload(server.replace('{', '{' + denied, 1))
        self.server.wait_for('reloaded')
        self.assert_reset(self.net.user, listener.getsockname()[:2])
        self.server.wait_for('refused',
                             reason=re.compile('denied_dst_ips'))
        self.assert_carries(user, destination)
        self.paste(self.net.exit, end)
        receive_until_reset(user)
        self.assert_proxies()

    def test_connections_of_a_user_are_ended(self):
        self.start_pair()
        (end,) = blocks("End a user's connections")
        user, destination = self.open()
        self.assert_carries(user, destination)
        self.paste(self.net.exit, end)
        receive_until_reset(user)
        receive_until_reset(destination)
        self.assert_proxies()

    def test_rate_is_limited_by_loss_and_every_byte_arrives(self):
        self.start_pair()
        self.addCleanup(self.net.gate.run, 'nft', 'delete table inet users-rate')
        self.addCleanup(self.net.exit.run, 'nft', 'delete table inet users-rate')
        down, up = blocks("Limit a user's rate")[:2]
        user, destination = self.open()
        for host, commands, sender, receiver in (
                (self.net.exit, down, destination, user),
                (self.net.gate, up, user, destination)):
            # The limit is so slow that every host is quicker.
            self.paste(host, commands, **{'1250 kbytes': '200 kbytes'})
            # A burst may pass; a slow host needs longer to use it up.
            wait_until(lambda: self.drops(host, sender, receiver),
                       'packets beyond the rate')

    def drops(self, host, sender, receiver):
        """Sends bytes. Tells whether the rule has dropped packets by then."""
        sent = os.urandom(MEBIBYTE // 2)
        writer = background(sender.sendall, sent)
        self.assertEqual(receive(receiver, len(sent)), sent)
        writer.result()
        rules = host.run('nft', 'list table inet users-rate').stdout
        return re.search(r'counter packets (\d+)', rules)[1] != '0'

    def test_packets_wait_for_their_turn_and_every_byte_arrives(self):
        self.start_pair()
        self.addCleanup(self.net.gate.run, 'tc', 'qdisc', 'del', 'dev',
                        'users0', 'root')
        shape = blocks("Limit a user's rate")[2]
        self.paste(self.net.gate, shape, eth1='users0')
        user, destination = self.open()
        sent = os.urandom(MEBIBYTE // 2)
        writer = background(destination.sendall, sent)
        self.assertEqual(receive(user, len(sent)), sent)
        writer.result()
        shown = self.net.gate.run('tc', '-s', 'class', 'show', 'dev',
                                  'users0').stdout
        self.assertGreater(int(re.search(r'Sent (\d+) bytes', shown)[1]),
                           len(sent))

    def test_bytes_are_counted_by_prefix(self):
        self.start_pair()
        count, keep = blocks("Count a user's bytes per month")[:2]
        config = {CONFIG_PATH: self.server.config_path}
        commands = count.replace('.json |', f'.json {IPV4.users} |')
        self.addCleanup(self.paste, self.net.exit, commands.replace(
            '--count', '--count --remove'), **config)
        self.paste(self.net.exit, commands, **config)
        user, destination = self.open()
        user.sendall(bytes(5 * 1000))
        receive(destination, 5 * 1000)
        for expected in (5000, 0):
            self.paste(self.net.exit, keep, **{'/var/log': WORK})
            (name,) = [name for name in os.listdir(WORK)
                       if name.startswith('srcproxy-prefixes.')]
            with open(os.path.join(WORK, name)) as file:
                (sent,) = [counter['bytes'] for counter in
                           counters_of(file.read())
                           if counter['name'].startswith('sent-')]
            os.remove(os.path.join(WORK, name))
            self.assertTrue(expected <= sent < expected + 2000, sent)

    def test_bytes_are_counted_by_address_and_direction(self):
        self.start_pair()
        count, keep = blocks("Count a user's bytes per month")[2:]
        self.paste(self.net.exit, count)
        for family in BOTH:
            listener = self.listen(self.net.destination, family.destination)
            # Use an address that no earlier test used.
            user, destination = self.open(
                listener, (family.second_user, fresh_port()))
            user.sendall(bytes(5 * 1000))
            receive(destination, 5 * 1000)
            destination.sendall(bytes(20 * 1000))
            receive(user, 20 * 1000)
            # Wait until no more acknowledgements can arrive.
            reset(user)
            receive_until_reset(destination)
        self.paste(self.net.exit, keep, **{'/var/log': WORK})
        (name,) = [name for name in os.listdir(WORK)
                   if name.startswith('srcproxy-count.')]
        with open(os.path.join(WORK, name)) as file:
            counted = file.read()
        os.remove(os.path.join(WORK, name))
        for family in BOTH:
            sent, received = [int(size) for size in re.findall(
                re.escape(family.second_user) + r' counter packets \d+ bytes (\d+)',
                counted)]
            self.assertTrue(5000 < sent < 7000, counted)
            self.assertTrue(20000 < received < 23000, counted)
        left = self.net.exit.run('nft', 'list table inet users-bytes').stdout
        for family in BOTH:
            self.assertNotIn(family.second_user, left)

    def test_host_is_prepared_for_many(self):
        ports, reuse = blocks('Prepare a busy host')
        folder = {'/etc/sysctl.d': WORK}
        self.assertIn('10240\t32767', self.read_back(
            self.net.exit, self.paste(self.net.exit, ports, **folder)))
        self.assertEqual('1', self.read_back(
            self.net.gate, self.paste(self.net.gate, reuse, **folder)))

    def test_page_cannot_change_the_machine_that_runs_the_tests(self):
        self.assertEqual(os.statvfs('/etc').f_flag & os.ST_RDONLY,
                         os.ST_RDONLY)

    def test_fixes_are_kept(self):
        host, name = self.net.gate, 'ipv4/conf/lo/rp_filter'
        keep, again, _, _, rule = blocks('Keep a fix')
        self.addCleanup(host.sysctl, name, 0)
        self.addCleanup(host.run, 'ip', 'rule', 'del', 'pref', '89')
        host.sysctl(name, 2)
        self.paste(host, keep, eth1='lo', **{'/etc/sysctl.d': WORK})
        host.sysctl(name, 0)
        self.assertEqual('2', self.read_back(host, self.paste(
            host, again.removeprefix('up '), **{'/etc/sysctl.d': WORK})))
        for _ in range(2):
            self.paste(host, rule.removeprefix('up '))
        shown = host.run('ip', 'rule', 'list', 'pref', '89').stdout
        self.assertEqual(shown.split('\t')[1:],
                         [f'from all to {IPV4.users} lookup main\n'])

    @staticmethod
    def read_back(host, said):
        return host.run('sysctl', '-n', said.split()[0]).stdout.strip()


class Bypass(OperationsCase):
    """srcproxy's own rules redirect; they know inbound.bypass."""

    redirect = staticmethod(lambda gate: None)

    def test_bgp_is_not_redirected(self):
        self.start_server()
        bypass, commands = blocks('Keep BGP away from the proxy')
        text = str(self.client_config()).replace("'", '"')
        bypass += f'users: ["{IPV4.users}", "{IPV6.users}"], '
        client = self.start(self.net.gate, 'client', text.replace(
            '"inbound": {', '"inbound": {' + bypass))
        self.paste(self.net.gate, commands,
                   **{'/etc/srcproxy/gate.json': client.config_path})
        for family in BOTH:
            listener = self.listen(self.net.destination, family.destination,
                                   179)
            # forbid_direct() refuses it, because it is forwarded.
            self.assertRaises(ConnectionRefusedError, self.connect,
                              self.net.user, listener.getsockname()[:2])
        self.assertEqual(client.events('established'), [])
        self.assert_carries(*self.open())


class OnLink(OperationsCase):
    """The destination is a router that looks for the users on its link."""

    def test_exit_answers_for_users(self):
        title = 'Every connection hangs, and is reset after the timeout'
        _, answer, _ = blocks(title)
        for family in BOTH:
            self.net.destination.ip(f'route add {family.users} dev eth0',
                                    family=family)
        self.paste(self.net.exit, answer, eth0='out0')
        self.start_pair()
        for family in BOTH:
            listener = self.listen(self.net.destination, family.destination)
            self.assert_carries(*self.open(listener))
