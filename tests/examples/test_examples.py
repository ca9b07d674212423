"""Runs the pairs of contrib/examples, including their tunnels."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

import rules
from cases import NetworkCase
from families import BOTH
from hosts import Host, needing
from peers import (end_stream, receive, receive_all, receive_until_reset,
                   reset)
from sandbox import BINARY, WORK

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, 'contrib/examples')

# The examples have /etc/srcproxy instead of this.
ETC = WORK + '/etc'
TUNNEL_PORT = 21829

# Debian has another program by the name of stunnel.
STUNNEL = shutil.which('stunnel4') or 'stunnel'


def read_example(name):
    with open(os.path.join(EXAMPLES, name)) as file:
        return file.read().replace('/etc/srcproxy', ETC)


def write(name, text):
    path = os.path.join(ETC, name)
    with open(path, 'w') as file:
        file.write(text)
    return path


class Configurations(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.host = Host('alone')
        cls.addClassCleanup(cls.host.destroy)

    def test_all_are_fine(self):
        paths = glob.glob(EXAMPLES + '/*/*.json')
        self.assertGreaterEqual(len(paths), 11)
        folder = tempfile.mkdtemp(dir=WORK)
        for path in paths:
            is_gate = os.path.basename(path).startswith('gate')
            # The install page wants the same: the half does not run as root,
            # and not everybody may read the file.
            copy = shutil.copy(path, folder)
            os.chmod(copy, 0o640)
            result = self.host.run(BINARY, '-t', '-u', 'nobody',
                                   'client' if is_gate else 'server', copy)
            self.assertEqual(result.stderr, '', path)


class Pair:
    """No TCP connection of the users gets past the proxy."""

    gate = 'gate.json'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        os.makedirs(ETC)
        cls.addClassCleanup(shutil.rmtree, ETC)
        cls.start_half(cls.net.exit, 'server', 'exit.json')
        cls.start_tunnel()
        cls.start_half(cls.net.gate, 'client', cls.gate,
                       *(family.users for family in BOTH))

    @classmethod
    def start_half(cls, host, role, name, *users):
        text = read_example(os.path.join(cls.directory, name))
        path = write(name, text)
        printed = host.run(BINARY, 'rules', role, path, *users)
        host.run('sh', '-e', input=printed.stdout)
        cls.start_for_class(host, role, text)

    @classmethod
    def start_tunnel(cls):
        pass

    @classmethod
    def spawn(cls, host, *command, port):
        """Starts a program, and waits until it listens.

        It ends with the class.
        """
        process = host.spawn(*command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.terminate)
        host.wait_for_listener(port)

    def open(self, family):
        listener = self.listen(self.net.destination, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        return user, self.accept(listener)

    def test_source_is_kept_and_bytes_arrive(self):
        for family in BOTH:
            user, destination = self.open(family)
            self.assertEqual(destination.getpeername(), user.getsockname())
            user.sendall(b'question')
            self.assertEqual(receive(destination, 8), b'question')
            destination.sendall(b'answer')
            end_stream(destination)
            self.assertEqual(receive_all(user), b'answer')


class OneUser(Pair, NetworkCase):
    directory = 'one-user'


class SeveralUsers(Pair, NetworkCase):
    directory = 'several-users'
    gate = 'gate-alice.json'


class Tunnel(Pair):
    """Tunnels behave as README.md of the examples says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.class_daemons[-1]
        client.wait_for('server-version', version='2')

    def open_and_talk(self, family):
        user, destination = self.open(family)
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        # The status has passed the tunnel before the answer does.
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')
        return user, destination

    def test_reset_arrives_as_an_end_of_stream(self):
        for family in BOTH:
            user, destination = self.open_and_talk(family)
            reset(user)
            self.assertEqual(receive_all(destination), b'')
            user, destination = self.open_and_talk(family)
            reset(destination)
            self.assertEqual(receive_all(user), b'')

    def test_refusal_arrives(self):
        for family in BOTH:
            with self.net.destination.listen(family.destination) as listener:
                nobody = listener.getsockname()[:2]
            user = self.connect(self.net.user, nobody)
            self.assertEqual(receive_until_reset(user), b'')


class Ssh(Tunnel, NetworkCase):
    directory = 'ssh'

    @classmethod
    def start_tunnel(cls):
        # This host does not have these users.
        with open('/etc/passwd') as file:
            users = file.read()
        write('passwd', users +
              'tunnel:x:4713:65534::/:/usr/sbin/nologin\n'
              'sshd:x:4714:65534::/run/sshd:/usr/sbin/nologin\n')
        subprocess.run(['mount', '--bind', ETC + '/passwd', '/etc/passwd'],
                       check=True)
        cls.addClassCleanup(subprocess.run, ['umount', '/etc/passwd'],
                            check=True)
        os.makedirs('/run/sshd', 0o755, exist_ok=True)
        for name in ('host', 'tunnel'):
            with needing('ssh-keygen'):
                subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                                '-f', f'{ETC}/{name}'], check=True)
        with open(ETC + '/host.pub') as file:
            write('known_hosts', '192.0.2.1 ' + file.read())
        config = write('sshd_config', f'''
            ListenAddress 192.0.2.1
            HostKey {ETC}/host
            PidFile none
            {read_example('ssh/exit.sshd_config')}''')
        sshd = shutil.which('sshd')
        if sshd is None:
            raise unittest.SkipTest('needs sshd')
        cls.spawn(cls.net.exit, sshd, '-D', '-f', config,
                  *cls.parts_beside(sshd), port=22)
        config = write('ssh_config', read_example('ssh/gate.ssh_config'))
        cls.spawn(cls.net.gate, 'ssh', '-F', config, '-N', 'exit',
                  port=TUNNEL_PORT)


    @staticmethod
    def parts_beside(sshd):
        """OpenSSH 10 needs helper programs, also if it is only unpacked."""
        directory = os.path.join(os.path.dirname(sshd), '../lib/openssh')
        for option in 'SshdSessionPath=sshd-session', 'SshdAuthPath=sshd-auth':
            name, program = option.split('=')
            path = os.path.normpath(os.path.join(directory, program))
            if os.path.exists(path):
                yield from ('-o', f'{name}={path}')


class Stunnel(Tunnel, NetworkCase):
    directory = 'stunnel'

    @classmethod
    def start_tunnel(cls):
        for name in ('exit', 'gate'):
            with needing('openssl'):
                subprocess.run(
                    ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                     'ec_paramgen_curve:P-256', '-nodes', '-days', '3650',
                     '-subj', f'/CN={name}', '-keyout', f'{ETC}/{name}.key',
                     '-out', f'{ETC}/{name}.pem'],
                    check=True, stderr=subprocess.DEVNULL)
        for host, name, port in ((cls.net.exit, 'exit', 21830),
                                 (cls.net.gate, 'gate', TUNNEL_PORT)):
            config = write(name + '.conf', 'foreground = yes\n' +
                           read_example(f'stunnel/{name}.stunnel.conf'))
            cls.spawn(host, STUNNEL, config, port=port)
