"""doctor on hosts whose firewall is firewalld(1): the real one, on its own bus.

It is configured in a folder, and nothing outside the tests' network sees it.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from doctor_case import CLIENT_WITH_AUTH, PATIENCE
from doctor_hosts import HostsExitCase, HostsGateCase
from families import BOTH, IPV4
from rules import REDIRECT_PORT
from sandbox import WORK
from test_doctor_ufw import UNPACKED
from waiting import TIMEOUT, wait_until

# The modules that firewalld needs are packages of this interpreter.
PYTHON = '/usr/bin/python3'
BUS = '''
<busconfig>
  <listen>unix:path={root}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
'''
COMMAND = f'''#!/bin/sh
exec {PYTHON} {{tree}}/usr/bin/firewall-cmd "$@"
'''


def find_firewalld():
    """The root of the tree that has firewalld, or None."""
    return next((tree for tree in (UNPACKED, '/') if os.path.exists(
        os.path.join(tree, 'usr/sbin/firewalld'))), None)


def is_usable():
    return find_firewalld() and shutil.which('dbus-daemon') and not \
        subprocess.run([PYTHON, '-c', 'import dbus, firewall, gi, nftables'],
                       check=False, stderr=subprocess.DEVNULL).returncode


@unittest.skipUnless(is_usable(), 'needs firewalld, its modules and D-Bus')
class Firewalld:
    """The zones are as after an installation; a subclass changes some."""

    zones, families = '', BOTH

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree, cls.root = find_firewalld(), tempfile.mkdtemp(dir=WORK)
        cls.addClassCleanup(shutil.rmtree, cls.root)
        os.mkdir(cls.root + '/etc')
        cls.write('bus.conf', BUS.format(root=cls.root))
        cls.write('firewall-cmd', COMMAND.format(tree=cls.tree), 0o755)
        cls.env = {**os.environ, 'PATH': f'{cls.root}:{os.environ["PATH"]}',
                   'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={cls.root}/bus'}
        cls.spawn('dbus-daemon', '--nofork', f'--config-file={cls.root}/bus.conf')
        wait_until(lambda: os.path.exists(cls.root + '/bus'), 'the bus')
        cls.spawn(PYTHON, os.path.join(cls.tree, 'usr/sbin/firewalld'),
                  '--nofork', '--nopid',
                  '--default-config=' + os.path.join(cls.tree,
                                                     'usr/lib/firewalld'),
                  f'--system-config={cls.root}/etc',
                  f'--log-file={cls.root}/log')
        wait_until(lambda: not cls.host.run(
            'firewall-cmd', '--state', env=cls.env, check=False).returncode,
                   'firewalld')
        if cls.zones:
            cls.host.run('sh', '-ec', cls.zones, env=cls.env)

    @classmethod
    def write(cls, name, text, mode=0o644):
        path = os.path.join(cls.root, name)
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, mode)

    @classmethod
    def spawn(cls, *command):
        process = cls.host.spawn(*command, env=cls.env,
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)

    def apply_remedy(self, findings, pattern):
        self.host.run('sh', '-ec', findings.of('problem', pattern)[0][1],
                      env=self.env)

    def assert_mended(self, *patterns):
        for family in self.families:
            self.assertFalse(self.tries(family, patience=PATIENCE), family)
        findings = self.doctor()
        for pattern in patterns:
            self.assertTrue(findings.of('problem', pattern), findings.text)
        for problem, fix in findings.of('problem'):
            self.assertIn('firewall-cmd', fix)
            self.apply_remedy(findings, '^' + re.escape(problem) + '$')
        for family in self.families:
            self.assertTrue(self.tries(family), findings.text)
        self.assertEqual(self.examine().of('problem'), [])


class FirewalldExit(Firewalld, HostsExitCase):
    """The zone "external" masquerades IPv4; the port is closed everywhere."""

    zones = 'firewall-cmd --permanent --zone=external --change-interface=out0\n' \
        'firewall-cmd --permanent --zone=external --add-rich-rule=\'rule ' \
        'family="ipv6" masquerade\'\n' \
        'firewall-cmd --reload'

    def tries(self, family, patience=TIMEOUT):
        try:
            with self.net.gate.socket(IPV4.af) as gate:
                gate.settimeout(patience)
                gate.connect((IPV4.exit_link, 21829))
        except OSError:
            return False
        return self.carries(family, patience=patience)

    def test_port_that_is_closed_and_masquerade(self):
        self.assert_mended(
            'drops packets to port 21829', *(
                f'{family.users}: a MASQUERADE or SNAT rule' for family in BOTH))


class FirewalldPolicy(FirewalldExit):
    """A policy is asked before the zone, which has the port."""

    zones = """
        policy='firewall-cmd --permanent --policy=no-proxy'
        firewall-cmd --permanent --add-port=21829/tcp
        firewall-cmd --permanent --new-policy=no-proxy
        $policy --add-ingress-zone=ANY
        $policy --add-egress-zone=HOST
        $policy --add-rich-rule='rule port port=21829 protocol=tcp drop'
        firewall-cmd --reload"""

    def test_port_that_is_closed_and_masquerade(self):
        self.assert_mended('drops packets to port 21829.* chain '
                           'filter_IN_policy_no-proxy_deny')


class FirewalldTproxy(Firewalld, HostsGateCase):
    """The zone has no rule for packets to foreign addresses."""

    config = {**CLIENT_WITH_AUTH, 'inbound': {
        'mode': 'tproxy', 'listen': f':{REDIRECT_PORT}'}}
    prefixes, families = [IPV4.users], [IPV4]
    tries = HostsGateCase.carries

    def test_users_who_are_dropped(self):
        self.assert_mended(f'{IPV4.users}: the firewall drops')
