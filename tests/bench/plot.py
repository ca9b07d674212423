"""The growth curves, drawn by gnuplot(1)."""

import shutil
import subprocess

from contenders import SRCPROXY
from catalogue import FLOOR, GROWTH, SIZES, growth_name

_HEAD = '''
set terminal svg size 1000,1300 font "sans,12" background "white" noenhanced
set output
set multiplot layout 4,2
set logscale x
set xrange [0.8:5000]
set xtics (1, 10, 100, 1000, 4000)
set xlabel "connections open at a time"
set grid
set key above
'''


def is_possible():
    return shutil.which('gnuplot') is not None


def draw(results, contenders, path):
    script = [_HEAD]
    for number, curve in enumerate(GROWTH):
        script += _panel(results, contenders, number, curve)
    with open(path, 'wb') as file:
        subprocess.run(['gnuplot'], input='\n'.join(script).encode(),
                       stdout=file, check=True)


def _panel(results, contenders, number, curve):
    blocks, plots = [], []
    for colour, name in enumerate(contenders, 1):
        points = _points(results, curve, name)
        if points:
            block = f'$panel{number}_{colour}'
            blocks += [f'{block} << END', *points, 'END']
            plots.append(f'{block} with linespoints linewidth 2 pointtype 7 '
                         f'linecolor {colour} title "{name}"')
    if not plots:
        return []
    if curve.key == 'memory_mib':
        plots += _floor(results)
    scale = ('set logscale y; set yrange [*:*]' if curve.is_logarithmic
             else 'unset logscale y; set yrange [0:*]')
    return [*blocks, f'set title "{curve.title}"', scale,
            'plot ' + ', '.join(plots)]


def _points(results, curve, name):
    medians = [(size, results.median(growth_name(size, curve.kind), name,
                                     curve.key)) for size in SIZES]
    return [f'{size} {value}' for size, value in medians if value]


def _floor(results):
    kib = results.median(FLOOR, SRCPROXY, 'memory_kib')
    if not kib:
        return []
    return [f'x * {kib / 1024} with lines dashtype 2 linecolor "grey" '
            'title "bare threads and sockets"']
