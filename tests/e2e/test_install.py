"""Follows contrib/INSTALL.md from an empty host to a running pair and back."""

import os
import re
import socket
import subprocess
import unittest

import rules
import test_inits
from cases import NetworkCase
from families import IPV4, IPV6, endpoint
from hosts import Host
from machines import (Machine, make_openrc_machine, make_systemd_machine,
                      needs_openrc, needs_systemd, needs_sysvinit,
                      wait_for_systemd)
from peers import background, receive
from sandbox import WORK
from test_documents import ROOT, read
from waiting import wait_until

SOURCES = ('meson.build', 'meson_options.txt', 'src', 'man', 'contrib', 'tests')
# The build is kept here for the next test that follows the page.
TREE = WORK + '/tree'

# In seconds, for a busy machine.
BUILD_TIMEOUT = 300

# The tests' hosts have no network to get packages from. All packages are on
# this host already.
GET_PACKAGES = re.compile(r'^(?:apt-get|apk) (?:[^\\\n]|\\\n)*\n', re.M)
# The tests' hosts have Debian's commands for users.
LIKE_ALPINE = {
    'addgroup -S srcproxy\n': '',
    'adduser -S -D -H -s /sbin/nologin -G srcproxy srcproxy\n':
        'useradd --system --user-group --shell /usr/sbin/nologin srcproxy\n',
    'deluser srcproxy\n': 'userdel srcproxy\n',
}


def blocks(*titles):
    """The code blocks below these headings, each with the line before it."""
    text = '\n' + read('contrib/INSTALL.md')
    for level, title in enumerate(titles, 2):
        text = re.search(f'\n{"#" * level} {title}\n'
                         f'(.*?)(?=\n{"#" * level} |\n## |$)', text + '\n',
                         re.S)[1]
    return re.findall(r'([^\n]*)\n\n```sh\n(.*?)```', '\n' + text, re.S)


def only_block(*titles):
    (_, commands), = blocks(*titles)
    return commands


def quick_start():
    """README.md's commands that make the package and that start a half."""
    section = read('README.md').split('\n## Quick start\n')[1]
    build, *start = re.findall(r'\n```sh\n(.*?)```',
                               section.split('\n## ')[0], re.S)
    return build, ''.join(start)


def words_after(command, text):
    return set(text.replace('\\\n', ' ').split(command)[1].split())


def packages(column):
    """The packages of the group build, and those that the rules need."""
    table = re.findall(r'^build +(\S+) +(\S+) ', read('contrib/packages'), re.M)
    return {row[column] for row in table} | {'iproute2', 'nftables'}


class Carries:

    def assert_keeps_the_source(self, family):
        listener = self.listen(self.net.destination, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        destination = self.accept(listener)
        self.assertEqual(destination.getpeername()[:2],
                         user.getsockname()[:2])
        user.sendall(b'hello')
        self.assertEqual(receive(destination, 5), b'hello')
        return user, destination

    def test_pair_carries_ipv4(self):
        self.assert_keeps_the_source(IPV4)

    def test_pair_carries_ipv6(self):
        self.assert_keeps_the_source(IPV6)


class Follows(Carries):
    """A subclass names the init, and makes machines with it."""

    # A command that proves that the init starts the half at boot.
    at_boot = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        cls.machines = {}
        for half, host in (('exit', cls.net.exit), ('gate', cls.net.gate)):
            machine = cls.make_machine(host, is_bare=True)
            cls.addClassCleanup(machine.shut_down)
            machine.boot()
            cls.wait_for_boot(machine)
            cls.machines[half] = machine
            cls.follow(machine, half)

    @staticmethod
    def wait_for_boot(machine):
        pass

    @classmethod
    def follow(cls, machine, half):
        script = (only_block('1. Configure', f'The {half}') +
                  cls.here(only_block('2. Install and start', cls.system)))
        tree = machine.root + '/root/srcproxy'
        cls.bring_sources(tree)
        if os.path.exists(tree + '/build'):
            script = script.replace('setup build', 'setup --reconfigure build')
        cls.run_script(machine, script)
        if not os.path.exists(TREE):
            cls.copy(tree, TREE)

    @staticmethod
    def here(script):
        """The script with commands that work on the tests' hosts."""
        script = GET_PACKAGES.sub('', script)
        for command, stand_in in LIKE_ALPINE.items():
            script = script.replace(command, stand_in)
        return script

    @staticmethod
    def run_script(machine, script):
        """Runs the script in one shell on that machine."""
        result = machine.run(
            'sh', '-exc', 'cd /root/srcproxy; exec 2>&1\n' + script,
            check=False, timeout=BUILD_TIMEOUT)
        if result.returncode:
            raise AssertionError(f'{machine.host.name}: {result.stdout}')
        return result.stdout

    @classmethod
    def bring_sources(cls, tree):
        if os.path.exists(TREE):
            cls.copy(TREE, tree)
            return
        os.mkdir(tree)
        subprocess.run(['cp', '-a', *SOURCES, tree], cwd=ROOT, check=True)

    @staticmethod
    def copy(directory, to):
        subprocess.run(['cp', '-a', directory, to], check=True)

    def test_doctor_finds_nothing_wrong(self):
        for half, (_, text) in zip(('exit', 'gate'),
                                   blocks('3. Prove that it works')[:2]):
            result = self.machines[half].run('sh', '-ec', text)
            self.assertIn('ok: ', result.stdout)

    def test_log_of_the_gate_proves_that_a_connection_went_through(self):
        (show,) = [text for before, text in blocks('3. Prove that it works')
                   if before.startswith('With ' + self.init)]
        user, destination = self.assert_keeps_the_source(IPV4)
        destination.sendall(b'answer')
        line = (f'source={endpoint(*user.getsockname())} .*'
                f'destination={endpoint(*destination.getsockname())}\\n')
        wait_until(lambda: re.search(line, self.machines['gate'].run(
            'sh', '-c', show, check=False).stdout), 'the line of the log')

    def test_uninstalled_it_leaves_nothing(self):
        """This test runs last, because of its name."""
        script = self.here(only_block('Uninstall', self.system))
        for half, machine in self.machines.items():
            self.run_script(machine, f'half={half}\n{script}')
            for command in ('pgrep -x srcproxy', 'getent passwd srcproxy',
                            'getent group srcproxy',
                            'nft list tables | grep srcproxy',
                            'ip rule list pref 90',
                            'ip -6 rule list pref 90',
                            'find /etc /usr/local /run /var/lib '
                            '-name "*srcproxy*"'):
                found = machine.run('sh', '-c', command, check=False).stdout
                self.assertEqual(found, '', f'{half}: {command}')

    def test_it_is_started_at_boot(self):
        for half, machine in self.machines.items():
            self.assertRegex(
                machine.run('sh', '-c', self.at_boot).stdout,
                self.started.format(half=half))


class LogsToFile:
    """The host has a syslogd that writes everything into one file."""

    @classmethod
    def wait_for_boot(cls, machine):
        super().wait_for_boot(machine)
        syslogd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        syslogd.bind(machine.root + '/dev/log')
        syslogd.settimeout(None)
        os.chmod(machine.root + '/dev/log', 0o666)
        os.makedirs(machine.root + '/var/log')
        log = open(machine.root + cls.log, 'wb', buffering=0)
        keeper = background(cls.keep_lines, syslogd, log)
        cls.addClassCleanup(keeper.result)
        cls.addClassCleanup(syslogd.shutdown, socket.SHUT_RDWR)

    @staticmethod
    def keep_lines(syslogd, log):
        with syslogd, log:
            line = syslogd.recv(4096)
            while line:
                log.write(line + b'\n')
                line = syslogd.recv(4096)


@needs_openrc
class OnOpenRC(LogsToFile, Follows, NetworkCase):
    init, system = 'OpenRC', 'Alpine with OpenRC'
    log = '/var/log/messages'
    at_boot, started = 'rc-update show default', r'srcproxy\.{half} \| default'
    make_machine = staticmethod(make_openrc_machine)

    @classmethod
    def wait_for_boot(cls, machine):
        super().wait_for_boot(machine)
        machine.run('rc-update', '-u')


@needs_sysvinit
class OnSysvinit(LogsToFile, Follows, NetworkCase):
    init, system = 'sysvinit', 'Debian with sysvinit'
    log = '/var/log/syslog'
    at_boot = '/etc/rc2.d/S??srcproxy status'
    started = 'srcproxy {half} is running'
    make_machine = Machine


@needs_systemd
class OnSystemd(Follows, NetworkCase):
    init, system = 'systemd', 'Debian with systemd'
    at_boot = 'ls /etc/systemd/system/multi-user.target.wants'
    started = ('(?m)^srcproxy-rules@{half}.service$\n'
               '^srcproxy@{half}.service$')
    make_machine = staticmethod(make_systemd_machine)
    wait_for_boot = staticmethod(wait_for_systemd)


@needs_systemd
class QuickStartOnSystemd(Carries, NetworkCase):
    """README.md's commands, on machines with the package."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        start = quick_start()[1].replace('editor ', 'test -w ')
        for half, host in (('exit', cls.net.exit), ('gate', cls.net.gate)):
            machine = test_inits.Systemd.make_machine(host)
            cls.addClassCleanup(machine.shut_down)
            machine.install(f'examples/one-user/{half}.json',
                            f'/etc/srcproxy/{half}.json.example')
            machine.boot()
            wait_for_systemd(machine)
            machine.run('chgrp', '-R', 'srcproxy', '/etc/srcproxy')
            machine.run('sh', '-exc',
                        start.replace('half=exit', f'half={half}'))


class Page(unittest.TestCase):

    debian = 'Debian with systemd', 'Debian with sysvinit'
    alpine = 'Alpine with OpenRC'

    def install(self, system):
        return only_block('2. Install and start', system)

    def test_packages_of_debian_are_those_that_the_build_installs(self):
        for system in self.debian:
            text = GET_PACKAGES.findall(self.install(system))[1]
            self.assertEqual(
                words_after('apt-get -y --no-install-recommends install',
                            text), packages(0))

    def test_packages_of_alpine_are_those_that_the_build_installs(self):
        (text,) = GET_PACKAGES.findall(self.install(self.alpine))
        found = words_after('apk add', text)
        self.assertEqual(found, packages(1))
        needed = re.search(r'^makedepends="(.*?)"',
                           read('contrib/alpine/APKBUILD'), re.M | re.S)[1]
        self.assertLessEqual(set(needed.split()), found)

    def test_package_of_alpine_brings_what_the_rules_take(self):
        recipe = read('contrib/alpine/APKBUILD')
        found = re.search('^depends_openrc="(.*?)"', recipe, re.M)[1].split()
        self.assertEqual(set(found), {'iproute2', 'nftables'})

    def test_user_of_alpine_is_that_of_its_package(self):
        text = self.install(self.alpine)
        package = read('contrib/alpine/srcproxy.pre-install')
        self.assertIn('addgroup -S srcproxy\n', text)
        self.assertIn('addgroup -S srcproxy', package)
        for option in re.findall(r' (-\w(?: [\w/]+)?)(?= )',
                                 re.search('adduser .*', text)[0]):
            self.assertIn(option, package)

    def test_shell_takes_all_commands(self):
        host = Host('alone')
        self.addCleanup(host.destroy)
        pages = read('contrib/INSTALL.md') + read('README.md')
        commands = re.findall(r'\n```sh\n(.*?)```', pages, re.S)
        self.assertGreater(len(commands), 10)
        for text in commands:
            host.run('sh', '-n', input=text)


class QuickStart(unittest.TestCase):
    """The Quick start of README.md.

    tests/systems runs its first block, too.
    """

    def test_package_is_built_from_what_it_says(self):
        found = words_after('-recommends install',
                            quick_start()[0].split('\ncontrib')[0])
        needed = re.search(r'^Build-Depends: (.*?)\n\S',
                           read('contrib/debian/control'), re.M | re.S)[1]
        for entry in needed.split(','):
            name = entry.split()[0]
            if '<!nocheck>' not in entry:
                self.assertIn(re.sub('-compat$', '', name), found)
