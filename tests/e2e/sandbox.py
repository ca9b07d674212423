"""Isolates the tests from this host.

The tests run as process 1 of a process namespace of their own, with their own
network and mounts. However that process ends, the kernel then removes every
process, network namespace and mount that it made.
"""

import os
import shutil
import subprocess
import sys

UNSHARE = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child',
           '--mount-proc']
INSIDE = '--inside'

# A private tmpfs that hides the host's /run. It holds the names of network
# namespaces (ip-netns(8)) and all files of the tests.
WORK = '/run'
# Beside /run/srcproxy, where the halves make their status sockets.
PROGRAMS = WORK + '/programs'
BINARY = PROGRAMS + '/srcproxy'
INJECTABLE = PROGRAMS + '/srcproxy-inject'
WIRE = PROGRAMS + '/wire'


def reason_to_skip():
    """Returns why the tests cannot run here, or None."""
    if os.geteuid() != 0:
        return 'needs root: run with sudo'
    for program, package in ((UNSHARE[0], 'util-linux'), ('ip', 'iproute2')):
        if shutil.which(program) is None:
            return f'needs {program} of {package}'
    # Root in a container or under fakeroot may lack the permission.
    probe = subprocess.run(UNSHARE + ['true'], stderr=subprocess.PIPE,
                           stdin=subprocess.DEVNULL, text=True)
    if probe.returncode:
        return 'needs root with CAP_SYS_ADMIN: ' + probe.stderr.strip()
    return None


def is_inside(arguments):
    # The program must be process 1, too: outside, the mounts would change this
    # host.
    return INSIDE in arguments and os.getpid() == 1


def enter():
    """Starts this program again in the sandbox. Does not return."""
    os.execvp(UNSHARE[0], UNSHARE + [sys.executable, *sys.argv, INSIDE])


def prepare(binary, injectable=None, wire=None):
    """Prepares the sandbox. Call it once, inside."""
    # Unprivileged daemons must be able to read the files written here.
    os.umask(0o022)
    programs = {BINARY: _read_file(binary)}
    if injectable:
        programs[INJECTABLE] = _read_file(injectable)
    if wire:
        programs[WIRE] = _read_file(wire)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', WORK],
                   check=True)
    os.mkdir(WORK + '/netns')
    os.mkdir(PROGRAMS)
    # An unprivileged user may not have access to the build folder.
    for path, program in programs.items():
        with open(path, 'wb') as file:
            file.write(program)
        os.chmod(path, 0o755)
    # Root's commands from the man pages must not reach this host's settings.
    for options in (['--rbind'], ['-o', 'remount,bind,ro']):
        subprocess.run(['mount', *options, '/etc', '/etc'], check=True)
    # No server listens there, so a name that is in no file fails at once.
    _replace_file('/etc/resolv.conf', 'nameserver 127.0.0.1\n')


def _read_file(path):
    with open(path, 'rb') as file:
        return file.read()


def write_hosts_file(text):
    """Replaces /etc/hosts for all programs inside."""
    _replace_file('/etc/hosts', text)


def _replace_file(path, text):
    """Mounts another file over this path, inside the sandbox only."""
    replacement = os.path.join(WORK, os.path.basename(path))
    is_mounted = os.path.exists(replacement)
    with open(replacement, 'w') as file:
        file.write(text)
    # The path may be a link to a file in the host's /run, which is hidden by
    # now.
    if not is_mounted and os.path.exists(path):
        subprocess.run(['mount', '--bind', replacement, path], check=True)
