"""Builds what the benchmarks run, in a directory of its own."""

import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, 'build-bench')
BINARY = os.path.join(BUILD, 'src/srcproxy')
GENERATOR = os.path.join(BUILD, 'tests/bench/load')
WIRE = os.path.join(BUILD, 'tests/bench/wire')


def install_packages():
    packages = os.path.join(ROOT, 'contrib', 'packages')
    if subprocess.run([packages, 'build', 'demo', 'bench']).returncode:
        sys.exit(1)


def build(*targets):
    steps = [['meson', 'compile', '-C', BUILD, 'srcproxy', *targets]]
    if not os.path.exists(os.path.join(BUILD, 'build.ninja')):
        steps.insert(0, ['meson', 'setup', BUILD, ROOT,
                         '--buildtype=release', '-Dtests=disabled'])
    for step in steps:
        made = subprocess.run(step, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            sys.exit(f'{made.stdout}\n{shlex.join(step)} failed')
    give_to_user('-R', BUILD)


def give_to_user(*what):
    """A user of sudo(8) could not remove root's files."""
    if 'SUDO_UID' in os.environ:
        owner = f'{os.environ["SUDO_UID"]}:{os.environ.get("SUDO_GID", "")}'
        subprocess.run(['chown', '-h', owner, *what], check=True)
