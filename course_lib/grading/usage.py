"""What a sandbox takes of the computer: memory, threads, and seconds of its processor."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Use(NamedTuple):
    """What processes take.

    memory   bytes
    threads  how many
    seconds  of processor time so far, with that of children that have ended
    own      the same for each process alone
    """

    memory: int
    threads: int
    seconds: float
    own: Mapping[int, float]


def usage(root: int) -> Use:
    """Measure a process and its descendants.

    A process that was abandoned by its parent still belongs to the sandbox's first process, so
    none is missed. Where there is no /proc, nothing is seen, and the process's own limits remain.
    """
    stats = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stats[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue  # it ended while we looked
    family, grown = {root}, True
    while grown:
        more = {pid for pid, fields in stats.items() if int(fields[1]) in family} - family
        family |= more
        grown = bool(more)
    memory = sum(map(resident, family))
    threads = sum(int(stats[pid][17]) for pid in family & set(stats))
    a_second = os.sysconf("SC_CLK_TCK")
    ticks = {pid: [int(field) for field in stats[pid][11:15]] for pid in family & set(stats)}
    own = {pid: sum(fields[:2]) / a_second for pid, fields in ticks.items()}
    return Use(memory, threads, sum(map(sum, ticks.values())) / a_second, own)


def resident(pid: int) -> int:
    """Bytes that a process holds, or has sent to the disk.

    Pages of files do not matter; those that it shares with others, and belong to no file, do. So
    do the tables of its pages. All of its threads hold the same, except for those that ended:
    the first may be one of these.
    """
    kinds = ("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")
    for thread in Path("/proc", str(pid), "task").glob("*"):
        try:
            lines = (thread / "status").read_text().splitlines()
        except OSError:
            continue
        held = sum(1024 * int(line.split()[1]) for line in lines if line.startswith(kinds))
        if held:
            return held
    return 0
