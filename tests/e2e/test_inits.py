"""Runs the scripts and units of contrib with their init systems."""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import unittest

import rules
from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, RoutedCase
from families import BOTH, IPV4
from machines import (CONTRIB, USER_ID, Machine, make_openrc_machine,
                      make_systemd_machine, needs_openrc, needs_systemd,
                      needs_sysvinit, wait_for_systemd)
from peers import background, receive, reset
from test_operations import blocks
from test_privilege import (CAP_NET_BIND_SERVICE, CAP_NET_RAW,
                            SECCOMP_FILTER)
from waiting import wait_until

EXIT_CONFIG = {**SERVER_CONFIG, 'acl': [{
    'name': 'alice', 'allowed_src_ips': [family.users for family in BOTH]}]}
# No account has this secret.
CLOSED_CONFIG = {**SERVER_CONFIG, 'acl': [{**EXIT_CONFIG['acl'][0],
                                           'auth': 'another one'}]}
GATE_CONFIG = {**CLIENT_CONFIG, 'inbound': {
    **CLIENT_CONFIG['inbound'], 'users': [family.users for family in BOTH]}}
BROKEN = '{ listen: }'
RESTARTS = 3
SETTINGS = ('SRCPROXY_RULES=yes\n'
            f'SRCPROXY_PREFIXES="{" ".join(f.users for f in BOTH)}"\n')


# OpenRC gives a meaning to these names: openrc-run(8).
OPENRC_NAMES = {
    'name', 'description', 'description_checkconfig', 'description_reload',
    'supervisor', 'command', 'command_args', 'pidfile', 'retry',
    'respawn_delay', 'respawn_max', 'extra_commands',
    'extra_started_commands', 'depend', 'checkconfig', 'reload', 'start_pre',
    'start_post', 'stop', 'stop_pre', 'stop_post'}


class Names(unittest.TestCase):
    """A script's own names must not clash with those of its init."""

    def defined_in(self, path):
        with open(f'{CONTRIB}/{path}') as file:
            return set(re.findall(r'^(?:\t*|.*; )(\w+)(?:=|\(\) {)',
                                  file.read(), re.M))

    def test_script_of_openrc_has_a_prefix_for_its_own(self):
        # Local names and names of settings do not matter.
        own = {name for name in self.defined_in('openrc/srcproxy.initd')
               if not name.lower().startswith('srcproxy')}
        self.assertEqual(
            own - {'apply', 'remove', 'table', 'tenths'}, OPENRC_NAMES)

    @needs_sysvinit
    def test_script_of_sysvinit_redefines_nothing_of_lsb(self):
        names = self.defined_in('sysvinit/srcproxy.init')
        self.assertIn('apply_rules', names)
        result = subprocess.run(
            ['/bin/sh', '-c', '. /lib/lsb/init-functions; '
             'for own; do command -v $own; eval "echo \\${$own-}"; done',
             'sh', *(names - {'PATH'})], env={'PATH': '/nonexistent'},
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(result.stdout.strip(), '')


class Commands(unittest.TestCase):

    def test_no_commands_go_through_an_echo_that_reads_escapes(self):
        """The echo of dash makes one byte of the \\1 in a sed command."""
        for path in ('openrc/srcproxy.initd', 'sysvinit/srcproxy.init',
                     'systemd/srcproxy-rules@.service'):
            with open(f'{CONTRIB}/{path}') as file:
                self.assertIsNone(
                    re.search(r'echo "\$+(apply|remove)"', file.read()), path)


class Units(unittest.TestCase):

    def test_no_command_refers_to_a_variable_that_may_be_unset(self):
        """systemd warns of this at each start, from version 254 on."""
        for name in ('srcproxy@.service', 'srcproxy-rules@.service'):
            with open(f'{CONTRIB}/systemd/{name}') as file:
                text = file.read()
            commands = re.findall(r'^Exec\w+=((?:.*\\\n)*.*)', text, re.M)
            self.assertGreater(len(commands), 1)
            used = re.findall(r'(?<!\$)\$\{?(\w+)', '\n'.join(commands))
            have = re.findall(r'(\w+)=', ' '.join(
                re.findall('^Environment=(.*)', text, re.M)))
            self.assertLessEqual(set(used), {*have, 'MAINPID'}, name)


class InitCase(RoutedCase):
    """Two machines: one has the instance gate, the other one exit."""

    family = IPV4
    # The services redirect and deliver.
    redirect = staticmethod(lambda gate: None)
    deliver = staticmethod(lambda exit_host: None)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machines = {}
        for name, host in (('gate', cls.net.gate), ('exit', cls.net.exit)):
            machine = cls.make_machine(host)
            cls.addClassCleanup(machine.shut_down)
            machine.boot()
            cls.machines[name] = machine
            cls.prepare(machine, name)

    def setUp(self):
        super().setUp()
        self.configure('gate', GATE_CONFIG)
        self.configure('exit', EXIT_CONFIG)
        for name in self.machines:
            self.succeed(name, 'start')
            self.addCleanup(self.service, name, 'stop')

    def configure(self, name, config):
        path = f'/etc/srcproxy/{name}.json'
        machine = self.machines[name]
        text = config if isinstance(config, str) else json.dumps(config)
        machine.write(path, text)
        os.chown(machine.root + path, 0, USER_ID)
        os.chmod(machine.root + path, 0o640)

    def succeed(self, name, verb):
        result = self.service(name, verb)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def fail_with(self, name, verb, pattern):
        result = self.service(name, verb)
        self.assertNotEqual(result.returncode, 0, verb)
        self.assertRegex(result.stdout + result.stderr, pattern)

    def pid(self, name):
        """The process id of srcproxy on that machine, or None."""
        found = self.machines[name].run('pgrep', '-x', '-o', 'srcproxy',
                                        check=False).stdout.split()
        return found[0] if found else None

    def has_rules(self, name):
        return 'srcproxy' in self.machines[name].run(
            'nft', 'list', 'ruleset').stdout

    def thread_status(self, name, key):
        """The values of that field, one for each thread.

        The threads are the acceptor, the workers and the one that waits.
        """
        text = self.machines[name].run(
            'sh', '-c', f'cat /proc/{self.pid(name)}/task/*/status').stdout
        return re.findall(rf'^{key}:\s*(.*?)\s*$', text, re.M)

    def assert_privileges(self, name, capabilities):
        for key, expected in (('Uid', '\t'.join([str(USER_ID)] * 4)),
                              ('Gid', '\t'.join([str(USER_ID)] * 4)),
                              ('Groups', str(USER_ID)),
                              ('CapEff', f'{capabilities:016x}'),
                              ('CapPrm', f'{capabilities:016x}'),
                              ('CapInh', f'{0:016x}'),
                              ('CapAmb', f'{0:016x}'),
                              ('CapBnd', f'{self.bounding:016x}'),
                              ('NoNewPrivs', '1'),
                              ('Seccomp', SECCOMP_FILTER)):
            found = self.thread_status(name, key)
            self.assertGreaterEqual(len(found), 3, name)
            self.assertEqual(set(found), {expected}, f'{name} {key}')


class Lives:
    """The tests. A subclass defines how to ask its init."""

    # The message about a broken configuration, with the place if the init
    # shows it.
    refusal = r'srcproxy/exit\.json:1:11: '
    refused = ('restart', 'reload')
    # The message about rules that cannot be applied.
    rules_refusal = 'Not started, because its rules cannot be applied'
    # The bounding set of the capabilities.
    bounding = 0
    # The folder of the settings, and the file with the commands of the stop.
    settings = 'default'
    removal = '/run/srcproxy.gate.remove'

    def test_pair_runs_without_powers_and_leaves_nothing_behind(self):
        self.open()
        for name, capabilities in (
                ('gate', 0), ('exit', CAP_NET_BIND_SERVICE | CAP_NET_RAW)):
            self.succeed(name, 'start')
            self.succeed(name, 'status')
            self.assert_privileges(name, capabilities)
            self.assertTrue(self.has_rules(name))
        for name in self.machines:
            # The configuration is broken now. Stopping must work nevertheless.
            self.configure(name, BROKEN)
            self.succeed(name, 'stop')
            self.assertEqual(self.service(name, 'status').returncode, 3)
            self.assertIsNone(self.pid(name))
            self.assertFalse(self.has_rules(name))

    def test_restart_and_reload_take_the_new_configuration(self):
        for verb in ('reload', 'restart'):
            before = self.pid('exit')
            self.configure('exit', CLOSED_CONFIG)
            self.succeed('exit', verb)
            self.assertEqual(self.pid('exit') == before, verb == 'reload')
            listener = self.listen_at_destination()
            wait_until(lambda: self.is_reset(listener), f'{verb}: a refusal')
            self.configure('exit', EXIT_CONFIG)
            self.succeed('exit', 'restart')
            self.assertTrue(self.has_rules('exit'))
            self.assert_proxies()

    def test_restart_ends_no_connection(self):
        listener = self.listen_at_destination()
        pairs = [self.open(listener) for _ in range(3)]
        pairs[1][1].shutdown(socket.SHUT_WR)
        stop = threading.Event()
        exchanges = background(self.exchange_until, stop, listener)
        for _ in range(RESTARTS):
            for name in self.machines:
                before = self.pid(name)
                self.succeed(name, 'restart')
                wait_until(lambda: self.pid(name) not in (None, before),
                           f'{name}: another process alone')
                self.succeed(name, 'status')
                for user, destination in pairs:
                    user.sendall(b'still there?')
                    self.assertEqual(receive(destination, 12),
                                     b'still there?')
        stop.set()
        self.assertGreater(exchanges.result(), 0)

    def exchange_until(self, stop, listener):
        """Returns how many new connections were served."""
        count = 0
        while not stop.is_set():
            self.exchange(listener)
            count += 1
        return count

    def test_kept_commands_are_those_that_are_printed(self):
        path = f'/etc/{self.settings}/srcproxy.gate'
        machine = self.machines['gate']
        self.addCleanup(machine.write, path, SETTINGS)
        self.succeed('gate', 'stop')
        machine.write(path,
                      SETTINGS + 'SRCPROXY_RULES_OPTIONS=--iptables\n')
        self.succeed('gate', 'start')
        self.assertEqual(
            machine.run('cat', self.removal).stdout,
            machine.run('srcproxy', 'rules', '--iptables', '--remove',
                        'client', '/etc/srcproxy/gate.json').stdout)

    def test_stop_under_traffic_refuses_nobody(self, mode='redirect'):
        # A user who is not redirected any more goes straight to the
        # destination.
        for family in BOTH:
            self.net.gate.run(family.iptables, '-F', 'FORWARD')
        self.addCleanup(rules.forbid_direct, self.net.gate)
        self.configure('gate', {
            **CLIENT_CONFIG, 'drain_timeout': '25s',
            'inbound': {**GATE_CONFIG['inbound'], 'mode': mode}})
        self.succeed('gate', 'reload' if mode == 'redirect' else 'restart')
        listener = self.listen_at_destination()
        # The half waits for this connection to end.
        user, destination = self.open(listener)
        stopped = background(self.stop_for_good, 'gate')
        while not self.lets_pass('gate'):
            self.assertFalse(stopped.done())
            self.exchange(listener)
        for _ in range(20):
            self.exchange(listener)
            user.sendall(b'still there?')
            self.assertEqual(receive(destination, 12), b'still there?')
        self.assertFalse(stopped.done())
        reset(user)
        while not stopped.done():
            self.exchange(listener)
        stopped.result()
        self.assertIsNone(self.pid('gate'))
        self.assertFalse(self.has_rules('gate'))
        self.exchange(listener)

    def test_stop_under_traffic_by_tproxy_refuses_nobody(self):
        # Otherwise known connections need no routing, until routes change.
        self.net.gate.sysctl('ipv4/tcp_early_demux', 0)
        self.addCleanup(self.net.gate.sysctl, 'ipv4/tcp_early_demux', 1)
        self.configure('gate', {**GATE_CONFIG, 'inbound': {
            **GATE_CONFIG['inbound'], 'mode': 'tproxy'}})
        self.succeed('gate', 'stop')
        self.succeed('gate', 'start')
        self.test_stop_under_traffic_refuses_nobody('tproxy')

    def lets_pass(self, name):
        """Tells whether new connections are not redirected any more."""
        return re.search(r'chain (users|srcproxy-client-\d+) {\s*'
                         r'(meta l4proto tcp )?(tcp flags [^\n]+ )?'
                         r'(counter [a-z0-9 ]+ )?return',
                         self.machines[name].run('nft', 'list',
                                                 'ruleset').stdout)

    def exchange(self, listener):
        """A user exchanges data with the destination, directly or proxied."""
        with self.net.user.connect(listener.getsockname()[:2]) as user:
            user.sendall(b'here?')
            destination, _ = listener.accept()
            with destination:
                self.assertEqual(receive(destination, 5), b'here?')

    def stop_for_good(self, name):
        self.succeed(name, 'stop')

    def test_rules_that_fail_start_nothing_and_leave_nothing(self):
        self.succeed('exit', 'stop')
        with self.rules_that_fail('exit'):
            self.fail_with('exit', 'start', self.rules_refusal)
            self.assertFalse(self.has_rules('exit'))
            self.assertIsNone(self.pid('exit'))
        self.succeed('exit', 'start')
        self.assertTrue(self.has_rules('exit'))
        self.assert_proxies()

    @contextlib.contextmanager
    def rules_that_fail(self, name):
        """The rules fail half way: the firewall is set, the routes are not."""
        machine = self.machines[name]
        path = machine.run('sh', '-c', 'readlink -f $(command -v ip)')
        path = path.stdout.strip()
        machine.run('mount', '--bind', '/dev/null', path)
        try:
            yield
        finally:
            machine.run('umount', path)

    def test_without_ipv6_the_users_of_ipv4_are_served(self):
        for name, host in (('gate', self.net.gate), ('exit', self.net.exit)):
            self.succeed(name, 'stop')
            host.sysctl('ipv6/conf/all/disable_ipv6', 1)
            self.addCleanup(host.sysctl, 'ipv6/conf/all/disable_ipv6', 0)
            self.succeed(name, 'start')
            self.succeed(name, 'status')
            self.assertTrue(self.has_rules(name))
        self.assert_proxies()
        for name in self.machines:
            self.succeed(name, 'stop')
            self.assertFalse(self.has_rules(name))

    def is_reset(self, listener):
        """Tells whether a new connection is reset.

        A connection may still be served by the old configuration.
        """
        try:
            user = self.net.user.connect(listener.getsockname()[:2])
            with user:
                user.settimeout(0.2)
                user.recv(1)
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return False

    def test_broken_configuration_starts_nothing_and_ends_nothing(self):
        before = self.pid('exit')
        self.configure('exit', BROKEN)
        for verb in self.refused:
            self.fail_with('exit', verb, self.refusal)
            self.assertEqual(self.pid('exit'), before)
        self.assert_proxies()
        self.succeed('exit', 'stop')
        self.fail_with('exit', 'start', self.refusal)
        self.assertIsNone(self.pid('exit'))
        self.assertFalse(self.has_rules('exit'))

    def crash(self, name):
        """Kills the half. Returns the id of its process, which has ended."""
        pid = self.pid(name)
        self.machines[name].run('kill', '-9', pid)
        wait_until(lambda: self.pid(name) != pid, 'the end of the process')
        return pid


class Respawns:
    """The init restarts a half that crashed."""

    def test_half_that_crashed_is_started_again(self):
        killed = self.crash('gate')
        wait_until(lambda: self.pid('gate') not in (None, killed),
                   'another process')
        self.net.gate.wait_for_listener(rules.REDIRECT_PORT)
        self.assert_proxies()
        self.succeed('gate', 'status')


@needs_openrc
class OpenRC(Lives, Respawns, InitCase):
    make_machine = staticmethod(make_openrc_machine)
    settings = 'conf.d'

    @classmethod
    def prepare(cls, machine, name):
        machine.install('openrc/srcproxy.initd', '/etc/init.d/srcproxy',
                        0o755)
        machine.install('openrc/srcproxy.confd', '/etc/conf.d/srcproxy')
        machine.run('ln', '-s', 'srcproxy', f'/etc/init.d/srcproxy.{name}')
        machine.write(f'/etc/conf.d/srcproxy.{name}', SETTINGS)
        machine.run('rc-update', '-u')

    def service(self, name, verb):
        return self.machines[name].run('rc-service', f'srcproxy.{name}',
                                       verb, check=False)

    def stop_for_good(self, name):
        """Runs what Alpine's package runs before its files are removed."""
        machine = self.machines[name]
        link = f'/etc/init.d/srcproxy.{name}'
        self.addCleanup(machine.run, 'ln', '-sf', 'srcproxy', link)
        machine.install('alpine/srcproxy-openrc.pre-deinstall',
                        '/root/pre-deinstall')
        machine.run('sh', '/root/pre-deinstall')
        self.assertFalse(os.path.lexists(machine.root + link))

    def test_start_goes_on_when_it_cannot_listen_yet(self):
        self.succeed('gate', 'stop')
        with self.net.gate.listen('0.0.0.0', rules.REDIRECT_PORT):
            result = self.service('gate', 'start')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('does not listen yet', result.stdout + result.stderr)
        # The half comes up without a further command.
        self.net.gate.wait_for_listener(rules.REDIRECT_PORT)
        self.assert_proxies()

    def test_openrc_may_wait_for_readiness(self):
        """OpenRC can do this from 0.62 on.

        Earlier versions do not know this variable.
        """
        path = '/etc/conf.d/srcproxy.gate'
        machine = self.machines['gate']
        self.addCleanup(machine.write, path, SETTINGS)
        machine.write(path, SETTINGS + 'notify=socket:ready\n')
        for _ in range(2):
            self.succeed('gate', 'stop')
            self.succeed('gate', 'start')
            self.assert_proxies()

    def test_check_of_a_broken_configuration_fails(self):
        self.succeed('exit', 'checkconfig')
        self.configure('exit', BROKEN)
        self.fail_with('exit', 'checkconfig', self.refusal)

    def test_script_itself_is_no_instance(self):
        result = self.machines['gate'].run('rc-service', 'srcproxy', 'start',
                                           check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout + result.stderr,
                         'ln -s srcproxy /etc/init.d/srcproxy.gate')


@needs_sysvinit
class Sysvinit(Lives, InitCase):
    make_machine = Machine

    @classmethod
    def prepare(cls, machine, name):
        machine.install('sysvinit/srcproxy.init', '/etc/init.d/srcproxy',
                        0o755)
        machine.install('sysvinit/srcproxy.default', '/etc/default/srcproxy')
        # The configurations have the prefixes, so "yes" is enough here.
        machine.write(f'/etc/default/srcproxy.{name}', 'SRCPROXY_RULES=yes\n')

    def service(self, name, verb):
        return self.machines[name].run('/etc/init.d/srcproxy', verb, name,
                                       check=False)

    def test_crash_is_seen_and_mended_by_a_start(self):
        self.crash('gate')
        self.assertEqual(self.service('gate', 'status').returncode, 1)
        self.succeed('gate', 'start')
        self.assert_proxies()

    def test_instances_are_the_configurations_that_are_there(self):
        script = '/etc/init.d/srcproxy'
        machine = self.machines['gate']
        other = {**CLIENT_CONFIG, 'inbound': {'listen': '127.0.0.1:9002'}}
        machine.write('/etc/srcproxy/other.json', json.dumps(other))
        machine.write('/etc/default/srcproxy.other', 'SRCPROXY_HALF=client\n')
        self.addCleanup(os.unlink, machine.root + '/etc/srcproxy/other.json')
        self.assertEqual(
            machine.run(script, 'status', check=False).returncode, 3)
        machine.run(script, 'start')
        machine.run(script, 'status')
        machine.run(script, 'stop')
        self.assertIsNone(self.pid('gate'))

    def test_stop_under_traffic_with_iptables_refuses_nobody(self):
        path = '/etc/default/srcproxy.gate'
        self.succeed('gate', 'stop')
        self.addCleanup(self.machines['gate'].write, path, SETTINGS)
        self.machines['gate'].write(
            path, SETTINGS + 'SRCPROXY_RULES_OPTIONS=--iptables\n')
        self.succeed('gate', 'start')
        self.test_stop_under_traffic_refuses_nobody()

    def test_start_that_cannot_listen_fails(self):
        self.succeed('gate', 'stop')
        self.listen(self.net.gate, '0.0.0.0', rules.REDIRECT_PORT)
        self.fail_with('gate', 'start', 'does not listen')
        self.assertIsNone(self.pid('gate'))


@needs_systemd
class Systemd(Lives, Respawns, InitCase):
    # The journal shows the place. A unit cannot refuse a restart.
    refusal = r'srcproxy@exit\.service failed'
    refused = ('reload',)
    rules_refusal = r'srcproxy-rules@exit\.service failed'
    # Dropping these from the set takes CAP_SETPCAP, which no thread has there.
    bounding = CAP_NET_BIND_SERVICE | CAP_NET_RAW
    removal = '/run/srcproxy-rules-gate/remove'

    @classmethod
    def make_machine(cls, host):
        machine = make_systemd_machine(host)
        units = '/etc/systemd/system/'
        for path in ('srcproxy.service', 'srcproxy@.service',
                     'srcproxy@.socket', 'srcproxy-rules@.service',
                     'srcproxy@gate.service.d/half.conf',
                     'srcproxy@exit.service.d/half.conf'):
            machine.install('systemd/' + path, units + path)
        # A package installs the script too, for all inits.
        machine.install('sysvinit/srcproxy.init', '/etc/init.d/srcproxy',
                        0o755)
        machine.install('debian/srcproxy.prerm', '/root/prerm')
        # Images of containers forbid packages to start or stop anything.
        machine.write('/layer/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 0\n')
        os.chmod(machine.root + '/layer/usr/sbin/policy-rc.d', 0o755)
        return machine

    @classmethod
    def prepare(cls, machine, name):
        machine.write(f'/etc/default/srcproxy.{name}', SETTINGS)
        wait_for_systemd(machine)

    def service(self, name, verb):
        # systemctl takes the units in order: none waits for a later one.
        half, rules_unit = (f'srcproxy{unit}@{name}.service'
                            for unit in ('', '-rules'))
        units = {'start': (rules_unit, half), 'stop': (half, rules_unit)}
        return self.machines[name].run('systemctl', verb,
                                       *units.get(verb, (half,)), check=False)

    def stop_for_good(self, name):
        """Runs what Debian's package runs before its files are removed."""
        self.machines[name].run('sh', '/root/prerm', 'remove')

    def test_half_waits_for_rules_that_failed(self):
        self.succeed('exit', 'stop')
        rules_unit = 'srcproxy-rules@exit.service'
        machine = self.machines['exit']
        with self.rules_that_fail('exit'):
            machine.run('systemctl', 'start', rules_unit, check=False)
        self.fail_with('exit', 'restart', r'srcproxy@exit\.service failed')
        self.assertIsNone(self.pid('exit'))
        machine.run('systemctl', 'start', rules_unit)
        # The half starts without a further command.
        self.net.exit.wait_for_listener(SERVER_PORT)
        self.assert_proxies()

    def test_restart_of_the_rules_ends_no_connection(self):
        user, destination = self.open()
        restart = background(self.restart_rules)
        data = bytes(100_000)
        while not restart.done():
            for sender, receiver in (user, destination), (destination, user):
                sender.sendall(data)
                self.assertEqual(receive(receiver, len(data)), data)
        self.assertEqual(restart.result(), 1)
        self.assert_proxies()

    def test_restart_of_the_rules_removes_those_of_another_port(self):
        self.configure('gate', {**GATE_CONFIG, 'inbound': {
            **GATE_CONFIG['inbound'], 'listen': ':9002'}})
        self.assertEqual(self.restart_rules(), 1)
        self.configure('gate', GATE_CONFIG)
        self.assertEqual(self.restart_rules(), 1)
        self.assert_proxies()

    def test_fix_of_the_operator_is_kept(self):
        """Its command fails where it has run before."""
        gate = self.machines['gate']
        fix, = (block for block in blocks('Keep a fix')
                if block.startswith('[Service]'))
        path = '/etc/systemd/system/srcproxy-rules@gate.service.d/fix.conf'
        gate.write(path, fix)
        self.addCleanup(gate.run, 'sh', '-ec', f'rm {path}; systemctl '
                        'daemon-reload; ip rule del pref 89')
        gate.run('systemctl', 'daemon-reload')
        for _ in range(2):
            self.assertEqual(self.restart_rules(), 1)
            shown = gate.run('ip', '-details', 'rule', 'list', 'pref',
                             '89').stdout
            self.assertRegex(shown, f'to {IPV4.users} lookup main .*kernel')

    def restart_rules(self):
        """Returns the number of tables after that."""
        gate = self.machines['gate']
        gate.run('systemctl', 'restart', 'srcproxy-rules@gate')
        return gate.run('nft', 'list', 'tables').stdout.count('srcproxy')

    def test_restart_warns_of_nothing(self):
        self.succeed('exit', 'restart')
        exit_ = self.machines['exit']
        exit_.run('journalctl', '--sync')
        self.assertNotIn('started by root', exit_.run(
            'journalctl', '-u', 'srcproxy@exit').stdout)

    def test_all_instances_obey_the_service_without_a_name(self):
        machine = self.machines['exit']
        path = machine.run('systemctl', 'show', '-P', 'FragmentPath',
                           'srcproxy.service').stdout
        self.assertEqual(path, '/etc/systemd/system/srcproxy.service\n')
        machine.run('systemctl', 'start', 'srcproxy')
        before = self.pid('exit')
        self.configure('exit', CLOSED_CONFIG)
        machine.run('systemctl', 'reload', 'srcproxy')
        listener = self.listen_at_destination()
        wait_until(lambda: self.is_reset(listener), 'a refusal')
        self.assertEqual(self.pid('exit'), before)
        self.configure('exit', EXIT_CONFIG)
        machine.run('systemctl', 'reload', 'srcproxy@exit')
        user, destination = self.open()
        # systemctl does not wait for the jobs of the instances.
        machine.run('systemctl', 'restart', 'srcproxy')
        wait_until(lambda: self.pid('exit') not in (None, before),
                   'another process')
        user.sendall(b'still there?')
        self.assertEqual(receive(destination, 12), b'still there?')
        self.assert_proxies()

    def test_units_are_right_and_hardened(self):
        units = [f'/etc/systemd/system/srcproxy{unit}' for unit in
                 ('.service', '@.service', '@.socket', '-rules@.service')]
        result = self.machines['gate'].run('systemd-analyze', 'verify',
                                           '--man=no', *units)
        self.assertEqual(result.stdout + result.stderr, '')
        self.machines['gate'].run('systemd-analyze', 'security',
                                  '--offline=true', '--threshold=20',
                                  units[1])

    def test_restart_refuses_nobody_where_systemd_has_the_listener(self):
        gate = self.machines['gate']
        gate.run('systemctl', 'stop', 'srcproxy@gate.service')
        gate.run('systemctl', 'start', 'srcproxy@gate.socket')
        self.addCleanup(gate.run, 'systemctl', 'stop', 'srcproxy@gate.socket')
        # The first connection starts the half.
        self.assertIsNone(self.pid('gate'))
        self.assert_proxies()
        for _ in range(5):
            before = self.pid('gate')
            restart = background(self.succeed, 'gate', 'restart')
            while self.pid('gate') in (None, before):
                self.assert_proxies()
            restart.result()
