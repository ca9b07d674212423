"""What README.md and the man pages tell people to do, done."""

import os
import re
import unittest

import rules
from cases import NetworkCase
from families import IPV4, IPV6
from peers import receive
from wire import BLANK_AUTH, auth_digest, encode_request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def setup_of(title):
    """The configuration, the commands and the role under that heading."""
    section = read('README.md').split(f'\n### {title}\n')[1]
    section = re.split(r'\n##+ ', section)[0]
    config = re.search(r'```json5\n(.*?)```', section, re.S)[1]
    *commands, start = re.search(r'```sh\n(.*?)```', section,
                                 re.S)[1].splitlines()
    role = re.fullmatch(r'srcproxy (client|server) /etc/\S+', start)[1]
    return config, '\n'.join(commands), role


class ReadmeSetup(NetworkCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        for host, title in ((cls.net.exit, 'The exit'),
                            (cls.net.gate, 'The gate')):
            config, commands, role = setup_of(title)
            host.run('sh', '-exc', commands)
            cls.start_for_class(host, role, config)

    def assert_keeps_the_source(self, family):
        listener = self.listen(self.net.destination, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        destination = self.accept(listener)
        self.assertEqual(destination.getpeername()[:2],
                         user.getsockname()[:2])
        user.sendall(b'hello')
        self.assertEqual(receive(destination, 5), b'hello')

    def test_setup_works_for_ipv4(self):
        self.assert_keeps_the_source(IPV4)

    def test_setup_works_for_ipv6(self):
        self.assert_keeps_the_source(IPV6)


class ProtocolPage(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        page = read('man', 'srcproxy-protocol.7').split('\n.Sh EXAMPLES\n')[1]
        cls.examples = [
            bytes.fromhex(block) for block in
            re.findall(r'\n\.Bd -literal.*\n((?:[0-9a-f ]+\n)+)\.Ed', page)]

    def test_there_are_two_examples(self):
        self.assertEqual(len(self.examples), 2)

    def test_ipv4_example_is_the_request_that_it_is_said_to_be(self):
        self.assertEqual(self.examples[0], encode_request(
            ('198.51.100.7', 51334), ('203.0.113.5', 443),
            auth_digest('secret')))

    def test_ipv6_example_is_the_request_that_it_is_said_to_be(self):
        self.assertEqual(self.examples[1], encode_request(
            ('2001:db8:aaaa::7', 51334), ('2001:db8:dddd::5', 443),
            BLANK_AUTH))
