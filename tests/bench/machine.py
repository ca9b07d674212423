"""Describes the machine, and measures whether it is quiet."""

import datetime
import os
import platform
import re
import subprocess
import time

TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')


def describe():
    cores = os.cpu_count()
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return (f'{cores} cores of {_processor()}, {memory / 2**30:.0f} GiB, '
            f'Linux {platform.release()}')


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def commit(directory):
    """Returns the version of the tree that git describes, or ''."""
    git = subprocess.run(
        ['git', '-c', 'safe.directory=*', '-C', directory, 'describe',
         '--always', '--dirty'], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    return git.stdout.strip()


def version_of(*command):
    """The first line that the command prints, as far as the version."""
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    match = re.match(r'(\S+)(?: version)? (\S+)', output)
    return ' '.join(match.groups()) if match else command[0]


def busy_share(seconds=0.3):
    """Returns the share of all processors that others use: we sleep."""
    busy, total = _processor_ticks()
    time.sleep(seconds)
    busy_later, total_later = _processor_ticks()
    return (busy_later - busy) / max(1, total_later - total)


def _processor_ticks():
    with open('/proc/stat') as file:
        # cpu user nice system idle iowait irq softirq steal ...
        ticks = [int(field) for field in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _processor():
    with open('/proc/cpuinfo') as file:
        match = re.search(r'^(?:model name|Model)\s*: (.+)$', file.read(),
                          re.MULTILINE)
    return match[1] if match else platform.machine()
