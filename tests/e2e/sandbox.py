"""Keeps all that the tests do to themselves.

They run as process 1 of a process namespace of their own, with their own
network and mounts. When that process ends, however it ends, the kernel takes
away every process, network namespace and mount that it made.
"""

import os
import shutil
import subprocess
import sys

UNSHARE = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child',
           '--mount-proc']
INSIDE = '--inside'

# The private tmpfs that hides the host's /run: it has the names of network
# namespaces (ip-netns(8)) and all files of the tests.
WORK = '/run'
BINARY = WORK + '/srcproxy'
INJECTABLE = WORK + '/srcproxy-inject'
WIRE = WORK + '/wire'


def reason_to_skip():
    """Why this cannot be done here, or None."""
    if os.geteuid() != 0:
        return 'needs root: run with sudo'
    for program, package in ((UNSHARE[0], 'util-linux'), ('ip', 'iproute2')):
        if shutil.which(program) is None:
            return f'needs {program} of {package}'
    # Root in a container, or by fakeroot, may not be allowed to do it.
    probe = subprocess.run(UNSHARE + ['true'], stderr=subprocess.PIPE,
                           stdin=subprocess.DEVNULL, text=True)
    if probe.returncode:
        return 'needs root with CAP_SYS_ADMIN: ' + probe.stderr.strip()
    return None


def is_inside(arguments):
    # Also process 1: outside, the mounts would be the host's.
    return INSIDE in arguments and os.getpid() == 1


def enter():
    """Starts this program again, inside. Does not return."""
    os.execvp(UNSHARE[0], UNSHARE + [sys.executable, *sys.argv, INSIDE])


def prepare(binary, injectable=None, wire=None):
    """To be called inside, once."""
    # Unprivileged daemons are to read what is written here.
    os.umask(0o022)
    programs = {BINARY: _read_file(binary)}
    if injectable:
        programs[INJECTABLE] = _read_file(injectable)
    if wire:
        programs[WIRE] = _read_file(wire)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', WORK],
                   check=True)
    os.mkdir(WORK + '/netns')
    # Where it was built an unprivileged user may not be let in.
    for path, program in programs.items():
        with open(path, 'wb') as file:
            file.write(program)
        os.chmod(path, 0o755)
    # No server listens there, so names that are in no file fail at once.
    _replace_file('/etc/resolv.conf', 'nameserver 127.0.0.1\n')


def _read_file(path):
    with open(path, 'rb') as file:
        return file.read()


def write_hosts_file(text):
    """Replaces /etc/hosts for all programs inside."""
    _replace_file('/etc/hosts', text)


def _replace_file(path, text):
    """In here only: another file is mounted on it."""
    replacement = os.path.join(WORK, os.path.basename(path))
    is_mounted = os.path.exists(replacement)
    with open(replacement, 'w') as file:
        file.write(text)
    # It may be a link to a file in the host's /run, which is gone already.
    if not is_mounted and os.path.exists(path):
        subprocess.run(['mount', '--bind', replacement, path], check=True)
