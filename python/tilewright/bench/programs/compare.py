# SPDX-License-Identifier: Apache-2.0
"""Lets the libraries train a program in turns and compares their steps.

Each library has a process of its own, as whole programs do, and only the one whose turn it is works. All
start from the same weights and go through the same batches; their losses must agree before a time counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tilewright import keras
from tilewright.bench.harness import Row, Timing
from tilewright.bench.programs import PROGRAMS, Program, models
from tilewright.methods import conv2d_method
from tilewright.profiling import profile
from tilewright.threads import num_threads, set_num_threads

_WORKER = Path(__file__).with_name("worker.py")
_AGREE = 2e-3  # relative: the loss of the first steps, before rounding has grown
_FIRST_STEPS = 2
_TURN_SECONDS = 0.4
_PREDICTIONS = 100
_ENVIRONMENT = {
    "keras tensorflow": {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    },
    "keras jax": {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
}
_NEEDS = {
    "torch": "torch",
    "torch channels_last": "torch",
    "torch.compile": "torch",
    "torch.compile channels_last": "torch",
    "keras tensorflow": "tensorflow",
    "keras jax": "jax",
}


def data(program: Program, seed: int = 0):
    """x and y of all batches: random, since only their shapes matter for time."""
    rng = np.random.default_rng(seed)
    samples = program.batch * program.batches
    if program.tokens:
        ids = rng.integers(0, program.classes, (samples, program.inputs[0] + 1)).astype(np.int32)
        return np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    x = rng.standard_normal((samples, *program.inputs)).astype(np.float32)
    if program.classes == 1:
        return x, rng.integers(0, 2, samples).astype(np.float32)
    return x, rng.integers(0, program.classes, samples).astype(np.int32)


class Worker:
    """A library's process."""

    def __init__(self, library: str, program: str, folder, threads: int, python: str):
        environment = {**os.environ, **_ENVIRONMENT.get(library, {})}
        environment["TILEWRIGHT_CONV2D_METHOD"] = conv2d_method()
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[variable] = str(threads)
        if library == "keras jax" and threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        environment["PYTHONPATH"] = (
            os.pathsep.join([p for p in sys.path if p]) if python == sys.executable else ""
        )
        command = [python, str(_WORKER), library, program, str(folder), str(threads)]
        if threads == 1 and hasattr(os, "sched_getaffinity") and library.startswith("keras"):
            core = min(os.sched_getaffinity(0))  # XLA and TensorFlow keep threads that no setting takes away
            command = ["taskset", "-c", str(core), *command]
        self.library = library
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            self._answer()
        except RuntimeError:
            self.close()
            raise

    def _answer(self) -> dict:
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        error = self._process.stderr.read().strip().splitlines()
        raise RuntimeError(f"{self.library}: {error[-1] if error else 'the process ended'}")

    def run(self, steps: int) -> dict:
        """Trains for so many steps; seconds, loss, peak memory."""
        return self._ask(f"run {steps}")

    def predict(self, times: int) -> float:
        """Predicts one row so often; the least seconds."""
        return self._ask(f"predict {times}")["seconds"]

    def _ask(self, question: str) -> dict:
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        with self._process as process:  # closes its pipes, which ends it, and waits
            process.stdin.close()


def libraries(pythons: dict[str, str]) -> dict[str, str]:
    """The libraries at hand, each with the interpreter that runs it. `pythons` names others by module."""
    found = {"tilewright": sys.executable}
    for library, module in _NEEDS.items():
        if module in pythons:
            found[library] = pythons[module]
        elif find_spec(module) and (not library.startswith("keras") or find_spec("keras")):
            found[library] = sys.executable
    return found


def compare(
    name: str, threads: int, pythons: dict[str, str], rounds: int = 5, only=None, tell=print
) -> tuple[Row, dict[str, dict]]:
    """Times every library on a program.

    Returns   Row: seconds a step by library, `error` the relative difference of the first losses from ours;
              and by library: "memory", the bytes that training added at its peak, and "predict", the seconds
              of predicting one row
    """
    program = PROGRAMS[name]
    keras.utils.set_random_seed(0)
    model = models.build(keras, name)
    x, y = data(program)
    row, memory = Row(name, "program", 0.0, 0.0), {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        weights = {f"{i:03d}": w for i, w in enumerate(model.get_weights())}
        np.savez(Path(folder) / "weights.npz", **weights)
        np.savez(Path(folder) / "batches.npz", x=x, y=y, batch=program.batch)
        workers, first, steps = {}, {}, {}
        for library, python in libraries(pythons).items():
            if only and library not in only or ("channels_last" in library and len(program.inputs) != 3):
                continue
            try:
                worker = stack.enter_context(
                    contextlib.closing(Worker(library, name, folder, threads, python))
                )
                first[library] = worker.run(_FIRST_STEPS)["loss"]
            except RuntimeError as error:
                tell(f"{name}: {error}")
                continue
            workers[library] = worker
        times: dict[str, list[float]] = {library: [] for library in workers}
        for library, worker in workers.items():  # the warm-up: compiles, records, finds the pace
            count = program.batches
            worker.run(count)
            once = worker.run(count)["seconds"] / count
            whole = max(1, round(_TURN_SECONDS / once / program.batches))
            steps[library] = whole * program.batches
        for _ in range(rounds):
            for library, worker in workers.items():
                time.sleep(0.1)
                answer = worker.run(steps[library])
                times[library].append(answer["seconds"] / steps[library])
                memory[library] = answer["memory"]
        predict = {library: worker.predict(_PREDICTIONS) for library, worker in workers.items()}
        ours = first["tilewright"]
        for library, spent in times.items():
            error = abs(first[library] - ours) / abs(ours)
            if error > _AGREE:
                tell(f"{name}: {library} has loss {first[library]:.6f}, tilewright {ours:.6f}: not counted")
                continue
            row.rivals[library] = Timing(min(spent), statistics.median(spent), len(spent), error)
    return row, {"memory": memory, "predict": predict}


def slowest(name: str, threads: int, steps: int = 10) -> list[dict]:
    """The operations of a program's training step by tw.profile, the longest first: share of the time in per
    cent, and per cent of the roofline."""
    program = PROGRAMS[name]
    x, y = data(program)
    rows = program.batch * min(steps, program.batches)
    keras.utils.set_random_seed(0)
    model = models.build(keras, name)
    before = num_threads()
    set_num_threads(threads)
    try:
        for _ in range(4):
            model.fit(x[:rows], y[:rows], batch_size=program.batch, shuffle=False, verbose=0)
        with profile(show=False) as found:
            model.fit(x[:rows], y[:rows], batch_size=program.batch, shuffle=False, verbose=0)
        listed = found.rows()
    finally:
        set_num_threads(before)
    total = sum(row.seconds for row in listed)
    return [
        {
            "operation": row.operation,
            "calls": row.calls,
            "share": 100 * row.seconds / total,
            "roof": row.roof_percent,
        }
        for row in listed
    ]
