"""The static binary works in a root with only itself and its configuration."""

import os
import subprocess

import rules
from cases import SERVER_PORT, RoutedCase
from families import IPV4
from names import name_server
from sandbox import WORK

ROOT = WORK + '/root'

# No module for these is there, nor any other file of a libc.
NSSWITCH = '''passwd: systemd
group: systemd
initgroups: systemd
hosts: resolve [!UNAVAIL=return] mymachines
'''
FILES = {
    'hosts': f'{IPV4.exit_link} exit.example\n',
    'resolv.conf': 'nameserver 127.0.0.1\n',
    'nsswitch.conf': NSSWITCH,
    'passwd': 'proxy:x:4711:4712::/:/bin/false\n',
    'group': 'proxy:x:4712:\nmore:x:4713:proxy\n',
}


class EmptyRoot(RoutedCase):
    family = IPV4
    deliver = staticmethod(rules.deliver_marked)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.makedirs(ROOT + '/etc')
        for name, text in FILES.items():
            with open(f'{ROOT}/etc/{name}', 'w') as file:
                file.write(text)
        # WORK holds the binary and the configurations.
        os.mkdir(ROOT + WORK)
        subprocess.run(['mount', '--bind', WORK, ROOT + WORK], check=True)

    def start_inside(self, start, config=None):
        return start(config, wrapper=('chroot', ROOT),
                     flags=('-u', 'proxy'))

    def assert_proxies_by_name(self, name):
        server = self.start_inside(self.start_server)
        client = self.start_inside(self.start_client, {
            'outbound': {'server': f'{name}:{SERVER_PORT}'}})
        self.assert_proxies()
        for daemon in server, client:
            daemon.wait_for('sandbox', seccomp='on', landlock='on')
            daemon.wait_for('privileges', user='proxy', uid='4711')
            self.assertEqual(daemon.thread_status('Groups'), {'4712 4713'})

    def test_name_of_the_hosts_file_is_found(self):
        self.assert_proxies_by_name('exit.example')

    def test_name_of_a_name_server_is_found(self):
        with name_server(self.net.gate, IPV4.exit_link):
            self.assert_proxies_by_name('elsewhere.example')
