"""Return paths that others document: doctor judges where the replies end."""

import contextlib

from cases import fresh_port
from doctor_case import SERVER_WITH_ACL
from doctor_hosts import HostsExitCase, chain, table
from families import IPV4

# The routing table of these recipes.
TABLE = 123

ALICE = {'name': 'alice', 'auth': 'secret', 'allowed_src_ips': [IPV4.users]}
TO_USERS = f'ip route replace local {IPV4.users} dev lo table {TABLE}\n'
TO_ALL = f'ip route replace local default dev lo table {TABLE}\n'
MARKED = f'ip rule add fwmark 1 lookup {TABLE}\n'
MANGLE = 'iptables -t mangle -A'

# Commands for the exit, by who documents them.
RECIPES = {
    'mmproxy, by the link':
        TO_USERS + f'ip rule add iif out0 to {IPV4.users} lookup {TABLE}',
    'all TCP to the users':
        TO_USERS + f'ip rule add to {IPV4.users} ipproto tcp lookup {TABLE} '
        'pref 30000',
    'all packets to the users':
        TO_USERS + f'ip rule add to {IPV4.users} lookup {TABLE}',
    'the routing table local':
        f'ip route add local {IPV4.users} dev lo table local',
    'connmark of the socket\'s packets':
        TO_USERS + MARKED +
        f'{MANGLE} OUTPUT -p tcp -s {IPV4.users} -j CONNMARK --set-mark 1\n'
        f'{MANGLE} PREROUTING -p tcp -j CONNMARK --restore-mark',
    'connmark in nft':
        TO_USERS + MARKED + table(
            chain('output', f'ip saddr {IPV4.users} ct mark set 1',
                  priority='-150', kind='route') +
            chain('prerouting', 'ct direction reply meta mark set ct mark',
                  priority='-150')),
    'HAProxy and squid, DIVERT':
        TO_ALL + MARKED +
        'iptables -t mangle -N DIVERT\n'
        f'{MANGLE} PREROUTING -p tcp -m socket -j DIVERT\n'
        f'{MANGLE} DIVERT -j MARK --set-mark 1\n'
        f'{MANGLE} DIVERT -j ACCEPT',
    'divert in nft':
        TO_ALL + MARKED + table(
            chain('prerouting', 'meta l4proto tcp socket transparent 1 '
                  'meta mark set 1 accept', priority='-150')),
    'a mark for packets to the users':
        TO_USERS + MARKED +
        f'{MANGLE} PREROUTING -i out0 -p tcp -d {IPV4.users} '
        '-j MARK --set-xmark 1/0xff',
}

# These lose the replies; the second value says what doctor finds.
BROKEN = {
    'README of the implementation in Go, verbatim': (
        f'ip route replace local {IPV4.users} dev lo table 30\n'
        f'ip rule add to {IPV4.users} ipproto tcp lookup 20 pref 30000',
        'are not delivered on this host'),
    'a mark that no firewall rule sets': (
        TO_USERS + MARKED, 'no firewall rule sets the mark 0x1'),
    'connmark that nothing sets': (
        TO_USERS + MARKED +
        f'{MANGLE} PREROUTING -p tcp -j CONNMARK --restore-mark',
        'no firewall rule sets the mark 0x1'),
    'DIVERT for another link': (
        TO_ALL + MARKED +
        f'{MANGLE} PREROUTING -i link0 -p tcp -m socket -j MARK --set-mark 1',
        'no firewall rule sets the mark 0x1'),
}


class ReturnPaths(HostsExitCase):

    config = {**SERVER_WITH_ACL, 'acl': [ALICE]}

    @contextlib.contextmanager
    def made(self, commands):
        """Nothing but the commands delivers replies."""
        self.apply_rules('--remove')
        try:
            with super().made(commands):
                yield
        finally:
            self.host.run('sh', '-c', f'''
                ip route flush table {TABLE}
                ip route flush table 30
                ip route del local {IPV4.users} table local
                :''')

    def test_recipes_that_work(self):
        for name, commands in RECIPES.items():
            with self.subTest(name):
                findings = self.assert_sound(commands)
                self.assertTrue(findings.of(
                    'ok', f'{IPV4.users}: reply packets from the router '
                    f'{IPV4.destination} come back'), findings.text)
                self.assertEqual(findings.of('note', IPV4.users), [])

    def test_start_is_silent_about_them(self):
        for name, commands in RECIPES.items():
            with self.subTest(name), self.made(commands):
                listen = f'127.0.0.1:{fresh_port()}'
                server = self.start(self.host, 'server',
                                    {**self.config, 'listen': listen})
                self.assertEqual(server.warnings(), [])
                server.finish()

    def test_recipes_that_lose_replies(self):
        for name, (commands, found) in BROKEN.items():
            with self.subTest(name):
                self.assert_found(commands, f'{IPV4.users}: .*{found}')

    def test_marks_for_some_replies_only(self):
        """A service of one network or port needs no more, so no verdict."""
        for match in ('-s 203.0.113.0/24', '-s 203.0.113.0/24 --sport 8000',
                      '--sport 8000'):
            with self.subTest(match):
                findings = self.assert_sound(
                    TO_USERS + MARKED + f'{MANGLE} PREROUTING -i out0 -p tcp '
                    f'{match} -j MARK --set-mark 1', port=8000)
                self.assertTrue(findings.of(
                    'note', f'{IPV4.users}: cannot tell which reply packets '
                    'get the mark 0x1: it depends on chain PREROUTING of '
                    'iptables'), findings.text)
