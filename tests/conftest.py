"""Two tests at a time (`make test` asks for it) share two cores best with one thread each."""

import os

import torch

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # of the notebooks' kernels and every other child
    torch.set_num_threads(1)
