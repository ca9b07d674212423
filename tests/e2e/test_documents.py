"""Runs the commands of README.md and the man pages.

contrib/INSTALL.md has its own tests in test_install.py.
"""

import calendar
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import rules
from cases import SERVER, NetworkCase, fresh_port
from daemons import write_config
from families import IPV4, IPV6, endpoint
from peers import receive, receive_until_reset
from sandbox import BINARY, WORK
from waiting import TIMEOUT
from wire import (BLANK_AUTH, CHECK, CLOCK_OFF, CONNECTED, UNSPECIFIED,
                  auth_digest, derive_hint, derive_key, encode_request,
                  encode_request_2)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def run_commands(host, commands):
    path = os.path.dirname(BINARY) + ':' + os.environ['PATH']
    host.run('sh', '-exc', commands, env={'PATH': path})


class TwoUsers(NetworkCase):
    """Scripted gates speak to the exit of contrib/examples/several-users."""

    config_path = '/etc/srcproxy/exit.json'

    # One address in the half of the prefix that the user has.
    sources = {IPV4: {'alice': '198.51.100.10', 'bob': '198.51.100.200'},
               IPV6: {'alice': '2001:db8:aaaa::10',
                      'bob': '2001:db8:aaaa:0:8000::10'}}
    loopback = {IPV4: '127.0.0.1', IPV6: '::1'}
    # An address of the destination's host outside of bob's prefixes.
    elsewhere = {IPV4: '192.0.2.80', IPV6: '2001:db8:cccc::80'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        config = read('contrib/examples/several-users/exit.json')
        (rules_of_exit,) = re.findall(
            r'^    (srcproxy rules server .* \| sh)$',
            read('contrib/examples/README.md'), re.M)
        cls.secrets = dict(re.findall(r'name: "(.*)",\n +auth: "(.*)"',
                                      config))
        run_commands(cls.net.exit, rules_of_exit.replace(
            cls.config_path, write_config(config)))
        for family, address in cls.elsewhere.items():
            cls.net.destination.ip(f'addr add {address} dev lo')
            cls.net.exit.ip(f'route add {address} via {family.destination}')
        cls.exit = cls.start_for_class(cls.net.exit, 'server', config)

    def setUp(self):
        super().setUp()
        self.exit.mark()

    def request(self, family, user, to, source=None):
        """Sends a request. Returns the gate's end and the source."""
        source = (source or self.sources[family][user], fresh_port())
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(encode_request(source, to,
                                    auth_digest(self.secrets[user])))
        return gate, source

    def assert_serves(self, family, user, listener):
        to = listener.getsockname()[:2]
        gate, source = self.request(family, user, to)
        destination = self.accept(listener)
        self.assertEqual(destination.getpeername()[:2], source)
        destination.sendall(user.encode())
        self.assertEqual(receive(gate, len(user)), user.encode())
        self.exit.wait_for('established', user=user, used=endpoint(*source),
                           destination=endpoint(*to))

    def assert_refused(self, family, user, to, reason, source=None):
        gate, _ = self.request(family, user, to, source)
        self.assertEqual(receive_until_reset(gate), b'')
        self.exit.wait_for('refused', user=user, destination=endpoint(*to),
                           reason=re.compile(reason))

    def assert_tells_them_apart(self, family):
        bobs = self.listen(self.net.destination, family.destination)
        others = self.listen(self.net.destination, self.elsewhere[family])
        self.assert_serves(family, 'alice', bobs)
        self.assert_serves(family, 'bob', bobs)
        self.assert_serves(family, 'alice', others)
        self.assert_refused(family, 'bob', others.getsockname()[:2],
                            'allowed_dst_ips')
        self.assert_refused(family, 'bob', bobs.getsockname()[:2],
                            "this source is not among the user's "
                            'allowed_src_ips', self.sources[family]['alice'])
        self.assert_refused(family, 'alice', bobs.getsockname()[:2],
                            'allowed_src_ips', self.sources[family]['bob'])
        self.assert_refused(family, 'alice', (self.loopback[family], 80),
                            'loopback')

    def test_users_are_told_apart_for_ipv4(self):
        self.assert_tells_them_apart(IPV4)

    def test_users_are_told_apart_for_ipv6(self):
        self.assert_tells_them_apart(IPV6)


class ProtocolPage(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        page = read('man', 'srcproxy-protocol.7').split('\n.Sh EXAMPLES\n')[1]
        cls.examples = [
            bytes.fromhex(block) for block in
            re.findall(r'\n\.Bd -literal.*\n((?:[0-9a-f ]+\n)+)\.Ed', page)]

        cls.v1, cls.v2 = cls.examples[:2], cls.examples[2:]

    def test_every_example_has_its_test(self):
        self.assertEqual(len(self.examples), 2 + 9)

    def test_ipv4_example_is_the_request_that_it_is_said_to_be(self):
        self.assertEqual(self.v1[0], encode_request(
            ('198.51.100.7', 51334), ('203.0.113.5', 443),
            auth_digest('secret')))

    def test_ipv6_example_is_the_request_that_it_is_said_to_be(self):
        self.assertEqual(self.v1[1], encode_request(
            ('2001:db8:aaaa::7', 51334), ('2001:db8:dddd::5', 443),
            BLANK_AUTH))

    def test_keys_and_hints_are_those_of_the_auth_strings(self):
        for example, auth in (0, 'secret'), (3, ''):
            self.assertEqual(self.v2[example], derive_key(auth))
            self.assertEqual(self.v2[example + 1], derive_hint(auth))

    def assert_is_request(self, data, *args, **options):
        self.assertEqual(data, encode_request_2(
            *args, **options, time_ms=self.time_ms, nonce=data[10:26]))

    def test_examples_of_version_2_are_what_they_are_said_to_be(self):
        self.assert_is_request(self.v2[2], ('198.51.100.7', 51334),
                               ('203.0.113.5', 443), 'secret')
        self.assert_is_request(self.v2[5], ('2001:db8:aaaa::7', 51334),
                               ('2001:db8:dddd::5', 443), '')
        self.assert_is_request(self.v2[6], UNSPECIFIED, UNSPECIFIED, 'secret',
                               opcode=CHECK)

    def test_answers_are_what_they_are_said_to_be(self):
        self.assertEqual(self.v2[7], bytes([CONNECTED]) + b'hello')
        self.assertEqual(self.v2[8], bytes([CLOCK_OFF]) + struct.pack(
            '>Q', self.time_ms + 95000))

    # As the page has it.
    time_ms = 1000 * calendar.timegm((2026, 11, 28, 12, 0, 0)) + 250


class Picture(unittest.TestCase):
    """The picture in README.md that shows the way of a packet."""

    def test_it_is_what_the_script_draws(self):
        script = os.path.join(ROOT, 'contrib/pictures/packet-path')
        drawn = subprocess.run([script], stdout=subprocess.PIPE, text=True,
                               check=True, timeout=TIMEOUT).stdout
        self.assertEqual(drawn, read('contrib/pictures/packet-path.svg'))
        self.assertIn('](contrib/pictures/packet-path.svg)',
                      read('README.md'))


class ContributorsPage(unittest.TestCase):
    """Runs the commands of src/README.md in a build folder of its own."""

    @classmethod
    def setUpClass(cls):
        section = read('src/README.md').split('\n## Build and test\n')[1]
        block = re.search(r'```sh\n(.*?)```', section, re.S)[1]
        (cls.packages, cls.setup, cls.compile, cls.unit,
         cls.end_to_end) = block.splitlines()
        cls.section = section.split('\n## ')[0]

    def run_here(self, command, build=None):
        command = re.sub(r'\bbuild\b(?!-)', build or 'build', command)
        return subprocess.run(['sh', '-ec', command], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False,
                              timeout=10 * TIMEOUT)

    def assert_runs(self, command, build=None):
        result = self.run_here(command, build)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_one_unit_program_is_built_and_runs(self):
        for program in 'meson', 'ninja':
            if not shutil.which(program):
                self.skipTest(f'needs {program}')
        if self.run_here('pkg-config --exists check').returncode:
            self.skipTest('needs check')
        build = os.path.join(tempfile.mkdtemp(dir=WORK), 'build')
        self.assert_runs(self.setup, build)
        # The other programs are built by the run that this test is part of.
        self.assert_runs(
            f'{self.compile} {os.path.basename(self.unit)}', build)
        self.assertIn('100%', self.assert_runs(self.unit, build))

    def test_end_to_end_test_is_there(self):
        listed = self.assert_runs(self.end_to_end.replace(
            'tests/e2e/run ', 'tests/e2e/run --list '))
        self.assertIn('test_relay.RelayIPv4.', listed)

    def test_groups_of_packages_are_there(self):
        command, *groups = self.packages.split()
        known = re.findall(r'^(\w+) .*', read(command), re.M)
        self.assertLessEqual(set(groups), set(known))

    def test_other_commands_are_there(self):
        commands = re.findall(r'`([\w.]+/[\w/.]+)[ `]', self.section)
        self.assertGreaterEqual(len(commands), 4)
        for command in commands:
            # A release does not contain the CI's files.
            self.assertTrue(command.startswith('.') or
                            os.access(os.path.join(ROOT, command), os.X_OK),
                            command)
