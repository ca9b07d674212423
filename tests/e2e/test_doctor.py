"""`srcproxy doctor` on hosts without IPv6, and its command line."""

import json
import os
import shutil
import subprocess
import unittest

import rules
from daemons import write_config
from doctor_case import CLIENT_WITH_AUTH, SERVER_WITH_ACL, ExitCase, GateCase
from families import IPV4, IPV6
from sandbox import BINARY
from test_command import srcproxy
from test_privilege import NOBODY
from test_rules import hiding


class WithoutIPv6:
    """IPv6 is off before the rules are applied and the halves start."""

    wants = None    # what IPv4 users need

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in (cls.net.gate, cls.net.exit):
            host.sysctl('ipv6/conf/all/disable_ipv6', 1)

    def test_users_of_both_families(self):
        findings = self.assert_wrong(f'{IPV4.users}: {self.wants}')
        self.assertEqual([text for text, _ in findings.of('problem', IPV6.users)],
                         [])
        self.assertTrue(findings.of(
            'note', '^IPv6 is disabled on this host: only IPv4'))
        self.apply_remedy(findings, IPV4.users)
        self.addCleanup(self.apply_rules, '--remove')
        for findings in (self.examine(), self.examine(hiding(
                '/proc/sys/net/ipv6'))):
            self.assertEqual((findings.of('problem'), findings.status), ([], 0))
            self.assertTrue(findings.of(
                'note', '^IPv6 is disabled on this host'))
        half = self.start(self.host, self.role, self.config)
        self.assertEqual(half.warnings(), [])
        self.assert_carries_ipv4()

    def test_all_users_are_of_that_family(self):
        pattern = '^IPv6 is disabled on this host, and all users'
        findings = self.assert_wrong(
            pattern, '^sysctl -w net.ipv6.conf.all.disable_ipv6=0',
            **self.only_ipv6())
        self.assertEqual(len(findings.of('problem')), 1)
        self.assertNotIn('  fix: ', findings.text)
        self.host.sysctl('ipv6/conf/all/disable_ipv6', 0)
        try:
            self.assertFalse(self.examine(prefixes=[IPV6.users]).of(
                'problem', 'IPv6 is disabled'))
        finally:
            self.host.sysctl('ipv6/conf/all/disable_ipv6', 1)


class ExitWithoutIPv6(WithoutIPv6, ExitCase):

    wants = 'reply packets .* not delivered'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apply_rules('--remove')

    def only_ipv6(self):
        return {'config': {'acl': [{'allowed_src_ips': [IPV6.users]}]}}

    def assert_carries_ipv4(self):
        self.test_daemons[-1].finish()
        with self.served():
            self.assertTrue(self.carries(IPV4))


class GateWithoutIPv6(WithoutIPv6, GateCase):

    wants = 'no firewall rule redirects'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apply_rules('--remove')

    def only_ipv6(self):
        return {'prefixes': [IPV6.users]}

    def assert_carries_ipv4(self):
        self.assert_carries(IPV4)


class Usage(unittest.TestCase):

    def test_mistakes_on_the_command_line(self):
        path = write_config(CLIENT_WITH_AUTH)
        for arguments in (['doctor'], ['doctor', 'client'],
                          ['doctor', '-t', 'client', path],
                          ['doctor', '--simple', 'client', path],
                          ['--json', 'client', path],
                          ['rules', '-u', '0', 'client', path],
                          ['doctor', 'client', path, '198.51.100.0/33']):
            result = srcproxy(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            # Warnings about an open configuration come first.
            self.assertFalse([line for line in result.stdout.splitlines()
                              if ': warning: ' not in line], arguments)
            self.assertIn('srcproxy: ', result.stderr)

    def test_path_that_is_no_utf8_leaves_json_whole(self):
        path = os.fsencode(write_config(SERVER_WITH_ACL))
        odd = os.path.join(os.path.dirname(path), b'L\xe4nge.json')
        os.rename(path, odd)
        said = subprocess.run([BINARY, 'doctor', '--json', 'server', odd],
                              capture_output=True).stdout.decode()
        self.assertIn('L?nge.json', ' '.join(
            finding['text'] for finding in json.loads(said)))

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_only_root_can_become_another_user(self):
        result = subprocess.run(
            [*NOBODY, BINARY, 'doctor', '-u', '65534:65534', 'server',
             write_config(SERVER_WITH_ACL)], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn('only root can use -u', result.stderr)
