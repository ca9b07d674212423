"""doctor on hosts whose firewall is ufw(8): the real one, in a folder."""

import glob
import os
import re
import shutil
import sys
import tempfile
import unittest

from doctor_case import CLIENT_WITH_AUTH, PATIENCE
from doctor_hosts import HostsExitCase, HostsGateCase
from families import BOTH, IPV4
from rules import REDIRECT_PORT
from sandbox import WORK
from waiting import TIMEOUT

UNPACKED = os.path.join(os.path.dirname(__file__), '../../build-packages')
SCRIPT = '''#!/bin/sh
PYTHONPATH={python}
export PYTHONPATH
exec {interpreter} {root}/usr/sbin/ufw --rootdir={root} --datadir={root} "$@"
'''


def find_ufw():
    """The root of the tree that has ufw, or None."""
    trees = [tree for tree in (UNPACKED, '/')
             if os.path.exists(os.path.join(tree, 'usr/sbin/ufw'))]
    return trees[0] if trees else None


def copy_ufw():
    """Copies ufw, as it is when just installed. Returns the folder."""
    tree, root = find_ufw(), tempfile.mkdtemp(dir=WORK)
    # Since Debian 13 the package has usr/lib/ufw; the program says lib/ufw.
    os.makedirs(root + '/usr/lib')
    os.symlink('usr/lib', root + '/lib')
    for path in ('usr/sbin/ufw', 'etc/default/ufw', 'etc/ufw', 'lib/ufw',
                 'usr/lib/ufw', 'usr/share/ufw',
                 'usr/lib/python3/dist-packages/ufw'):
        source, copy = (os.path.join(top, path) for top in (tree, root))
        if os.path.isdir(source):
            shutil.copytree(source, copy, dirs_exist_ok=True)
        elif os.path.exists(source):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(source, copy)
    # Debian's package does this when it is configured.
    for file in glob.glob(root + '/usr/share/ufw/*.rules') + [
            root + '/usr/share/ufw/ufw.conf']:
        if os.path.exists(file):
            shutil.copy(file, root + '/etc/ufw')
    os.mkdir(root + '/bin')
    with open(root + '/bin/ufw', 'w') as script:
        script.write(SCRIPT.format(
            root=root, interpreter=sys.executable,
            python=root + '/usr/lib/python3/dist-packages'))
    os.chmod(script.name, 0o755)
    return root


@unittest.skipUnless(find_ufw(), 'needs ufw')
class Ufw:
    """The host lets in what ufw lets in by default, and SSH."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = copy_ufw()
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.ufw('allow 22/tcp', '--force enable')

    @classmethod
    def ufw(cls, *commands):
        for command in commands:
            cls.host.run('sh', '-ec', f'{cls.root}/bin/ufw {command}')

    def apply_remedy(self, findings, pattern):
        """The fix names the files of a ufw that is installed."""
        fix = findings.of('problem', pattern)[0][1].replace(
            '/etc/ufw/', self.root + '/etc/ufw/')
        self.host.run('sh', '-ec', f'PATH={self.root}/bin:$PATH\n{fix}')

    def assert_mended(self, pattern):
        for family in BOTH:
            self.assertFalse(self.tries(family, patience=PATIENCE), family)
        findings = self.assert_wrong(pattern)
        for problem, fix in findings.of('problem'):
            if 'ufw' in fix:
                self.apply_remedy(findings, '^' + re.escape(problem) + '$')
        for family in BOTH:
            self.assertTrue(self.tries(family), findings.text)
        self.assertEqual(self.examine().of('problem'), [])


class UfwExit(Ufw, HostsExitCase):

    def tries(self, family, patience=TIMEOUT):
        try:
            with self.net.gate.socket(IPV4.af) as gate:
                gate.settimeout(patience)
                gate.connect((IPV4.exit_link, 21829))
        except OSError:
            return False
        return self.carries(family, patience=patience)

    def test_port_that_is_closed(self):
        self.assert_mended('drops packets to port 21829')


class UfwGate(Ufw, HostsGateCase):

    tries = HostsGateCase.carries

    def reaches_own_service(self):
        self.listen(self.host, IPV4.gate_users, 7777)
        with self.net.user.socket(IPV4.af) as user:
            user.settimeout(0.3)
            return user.connect_ex((IPV4.gate_users, 7777)) == 0

    def test_users_who_are_dropped(self):
        self.assert_mended(f'{IPV4.users}: the firewall drops')
        self.assertFalse(self.reaches_own_service())


class UfwTproxy(UfwGate):
    config = {**CLIENT_WITH_AUTH, 'inbound': {
        'mode': 'tproxy', 'listen': f':{REDIRECT_PORT}'}}
