"""The way from nothing to a running pair that README.md shows, followed."""

import os
import re
import socket
import subprocess
import unittest

import rules
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
# What has been built there is of use to the next one who follows the way.
TREE = WORK + '/tree'

# Seconds, on a busy machine.
BUILD_TIMEOUT = 300

# Step by step, and what comes before the commands says whose they are.
STEPS = re.findall(r'\n### (?:\d\. )?([^\n]*)\n(.*?)(?=\n###? |$)',
                   read('README.md').split('\n## Install\n')[1]
                   .split('\n## ')[0], re.S)
OTHERS_INIT = re.compile('With (OpenRC|sysvinit|systemd)')


def commands_of(title):
    """Pairs of the line before, and the commands."""
    text = next(text for step, text in STEPS if step.startswith(title))
    return re.findall(r'([^\n]*)\n\n```sh\n(.*?)```', '\n' + text, re.S)


def words_after(command, text):
    return set(text.replace('\\\n', ' ').split(command)[1].split())


def packages(column):
    """Of the group build in contrib/packages, and what the rules take."""
    table = re.findall(r'^build +(\S+) +(\S+) ', read('contrib/packages'), re.M)
    return {row[column] for row in table} | {'iproute2', 'nftables'}


class Follows:
    """A subclass has the init's name, and machines with it."""

    # What an init does at boot, and what comes of it.
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
        script = cls.script_of('Build it', 'Give it a user',
                               f'Configure the {half}', 'Start it at boot')
        tree = machine.root + '/root/srcproxy'
        cls.bring_sources(tree)
        if os.path.exists(tree + '/build'):
            script = script.replace('setup build', 'setup --reconfigure build')
        cls.run_script(machine, script)
        if not os.path.exists(TREE):
            cls.copy(tree, TREE)

    @classmethod
    def script_of(cls, *titles):
        commands = [text for title in titles
                    for before, text in commands_of(title)
                    if cls.concerns_it(before, text)]
        return ''.join(commands).replace('init=systemd', f'init={cls.init}')

    @staticmethod
    def run_script(machine, script):
        """As in one shell of that host."""
        result = machine.run(
            'sh', '-exc', 'cd /root/srcproxy; exec 2>&1\n' + script,
            check=False, timeout=BUILD_TIMEOUT)
        if result.returncode:
            raise AssertionError(f'{machine.host.name}: {result.stdout}')
        return result.stdout

    @classmethod
    def concerns_it(cls, before, text):
        init = OTHERS_INIT.match(before)
        # There is no network to get packages from, but they are here.
        return (not text.startswith('apt-get') and before != 'Alpine:' and
                (not init or init[1] == cls.init_title))

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

    def test_doctor_finds_nothing_wrong(self):
        for half, (_, text) in zip(('exit', 'gate'),
                                   commands_of('Look whether')[:2]):
            result = self.machines[half].run('sh', '-ec', text)
            self.assertIn('ok: ', result.stdout)

    def test_log_of_the_gate_proves_that_a_connection_went_through(self):
        (show,) = [text for before, text in commands_of('Look whether')[2:]
                   if self.concerns_it(before, text)]
        user, destination = self.assert_keeps_the_source(IPV4)
        line = (f'source={endpoint(*user.getsockname())} .*'
                f'destination={endpoint(*destination.getsockname())}\\n')
        wait_until(lambda: re.search(line, self.machines['gate'].run(
            'sh', '-c', show, check=False).stdout), 'the line of the log')

    def test_uninstalled_it_leaves_nothing(self):
        """The last one of all, by its name."""
        script = self.script_of('To uninstall it')
        for half, machine in self.machines.items():
            self.run_script(machine, f'half={half}\n{script}')
            for command in ('pgrep -x srcproxy', 'getent passwd srcproxy',
                            'getent group srcproxy',
                            'nft list tables | grep srcproxy',
                            'ip rule list pref 30000',
                            'ip -6 rule list pref 30000',
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
    """For a host with a syslogd, which keeps all in one file."""

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
    init, init_title = 'openrc', 'OpenRC'
    log = '/var/log/messages'
    at_boot, started = 'rc-update show default', r'srcproxy\.{half} \| default'
    make_machine = staticmethod(make_openrc_machine)

    @classmethod
    def wait_for_boot(cls, machine):
        super().wait_for_boot(machine)
        machine.run('rc-update', '-u')


@needs_sysvinit
class OnSysvinit(LogsToFile, Follows, NetworkCase):
    init, init_title = 'sysvinit', 'sysvinit'
    log = '/var/log/syslog'
    at_boot = '/etc/rc2.d/S??srcproxy status'
    started = 'srcproxy {half} is running'
    make_machine = Machine


@needs_systemd
class OnSystemd(Follows, NetworkCase):
    init, init_title = 'systemd', 'systemd'
    at_boot = 'ls /etc/systemd/system/multi-user.target.wants'
    started = ('(?m)^srcproxy-rules@{half}.service$\n'
               '^srcproxy@{half}.service$')
    make_machine = staticmethod(make_systemd_machine)
    wait_for_boot = staticmethod(wait_for_systemd)


class Page(unittest.TestCase):

    def commands_for(self, title, before):
        return dict(commands_of(title))[before]

    def test_packages_of_debian_are_those_that_the_build_installs(self):
        text = self.commands_for('Build it', 'Debian:')
        self.assertEqual(
            words_after('apt-get -y --no-install-recommends install', text),
            packages(0))

    def test_packages_of_alpine_are_those_that_the_build_installs(self):
        text = self.commands_for('Build it', 'Alpine:')
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
        text = self.commands_for('Give it a user', 'Alpine:')
        package = read('contrib/alpine/srcproxy.pre-install')
        self.assertIn('addgroup -S srcproxy', package)
        self.assertIn(text.splitlines()[0], package)
        for option in re.findall(r' (-\w(?: [\w/]+)?)(?= )',
                                 text.splitlines()[1]):
            self.assertIn(option, package)

    def test_package_of_debian_is_built_from_what_it_says(self):
        (_, text), = commands_of('A package instead')
        found = words_after('-recommends install',
                            text.split('\ncontrib')[0])
        needed = re.search(r'^Build-Depends: (.*?)\n\S',
                           read('contrib/debian/control'), re.M | re.S)[1]
        for entry in needed.split(','):
            name = entry.split()[0]
            if '<!nocheck>' not in entry:
                self.assertIn(re.sub('-compat$', '', name), found)

    def test_shell_takes_all_commands(self):
        host = Host('alone')
        self.addCleanup(host.destroy)
        for title, _ in STEPS:
            for _, text in commands_of(title):
                host.run('sh', '-n', input=text)
