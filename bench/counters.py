#!/usr/bin/env python3
"""What limits each kernel of a frame, from the profiler's counters.

    ncu --csv --page details --print-details all ... | python3 bench/counters.py [MOST]

Reads ncu's long table on stdin and writes a line a launch: microseconds, how busy memory, L2, the tensor pipes and
the schedulers were, how many warps stood ready at most and what they waited for. The MOST (default 40) longest, in order
of launch. A counter that this profiler does not name is a dash.
"""
import csv
import io
import re
import sys

# Column: what ncu calls it (the first pattern that matches), and the unit it is shown in.
COLUMNS = [
    ('us', [r'^Duration$']),
    ('sm%', [r'^Compute \(SM\) Throughput$']),
    ('mem%', [r'^Memory Throughput$']),
    ('dram%', [r'^DRAM Throughput$']),
    ('L2%', [r'^L2 Cache Throughput$']),
    ('tensor%', [r'^Tensor \(All\)$', r'^SM: Pipe Tensor Cycles Active$']),
    ('issue%', [r'^Issue Slots Busy$', r'^Issue Slots$']),
    ('warps%', [r'^Achieved Occupancy$']),
]
MICROSECONDS = {'nsecond': 1e-3, 'ns': 1e-3, 'usecond': 1, 'us': 1, 'msecond': 1e3, 'ms': 1e3}
STALL = re.compile(r'^Stall (.+)$')


def read(text):
    """{launch id: (kernel, grid, block, {metric: (unit, value)})}, in order; ncu's own lines begin with '=='."""
    table = '\n'.join(line for line in text.splitlines() if line.startswith('"'))
    launches = {}
    for row in csv.DictReader(io.StringIO(table)):
        kernel = re.sub(r'^void |\((anonymous namespace|int|bool|unsigned int)\)(::)?|<unnamed>::', '', row['Kernel Name'])
        kernel = re.sub(r'\(.*$', '', kernel)
        launch = launches.setdefault(row['ID'], (kernel, row['Grid Size'], row['Block Size'], {}))
        try:
            value = float(row['Metric Value'].replace(',', ''))
        except (ValueError, AttributeError):
            continue
        launch[3].setdefault(row['Metric Name'], (row['Metric Unit'], value))
    return launches


def cell(metrics, column, patterns):
    for pattern in patterns:
        for name, (unit, value) in metrics.items():
            if re.search(pattern, name) and (column == 'us' or unit == '%'):
                return f'{value * MICROSECONDS.get(unit, 1) if column == "us" else value:.1f}'
    return '-'


def waits(metrics):
    """The two commonest reasons for a warp not to issue, in clocks an instruction of its."""
    found = [(value, match.group(1)) for name, (_, value) in metrics.items() if (match := STALL.match(name))]
    return ', '.join(f'{name.lower()} {value:.1f}' for value, name in sorted(found, reverse=True)[:2])


def main():
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = [(kernel, f'{grid} x {block}', [cell(metrics, *column) for column in COLUMNS], waits(metrics))
            for kernel, grid, block, metrics in read(sys.stdin.read()).values()]
    if not rows:
        sys.exit('counters.py: no launch in what the profiler wrote')
    longest = sorted(rows, key=lambda row: -float(row[2][0].replace('-', '0')))[:most]
    print(' '.join(f'{name:>7}' for name, _ in COLUMNS) + '  kernel, blocks x threads, what warps wait for')
    for row in rows:
        if row in longest:
            print(' '.join(f'{value:>7}' for value in row[2]) + f'  {row[0][:60]}  {row[1]}  {row[3]}')


if __name__ == '__main__':
    main()
