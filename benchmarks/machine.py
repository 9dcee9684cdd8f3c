"""The machine on which a benchmark runs, as its JSON names it."""

import platform

import torch


def describe() -> dict[str, str | int]:
    """Name the processor, the threads that torch uses, and its version."""
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
