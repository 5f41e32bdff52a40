"""Trigger to Running through the warm worker, one run at a time and 50 at once.

``python -m tests.benchmarks.worker_latency`` starts a stack of its own and stops it again.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import psutil

from tests.support.stack import deployments_to, settings_in, short_home
from tts_tasks.settings import PROJECT, Settings

SEQUENTIAL_RUNS = 30
BURST_RUNS = 50
PARTS = ("worker-cpu", "prefect-server", "postgres", "supervisor")


def cpu_meter(settings: Settings) -> Callable[[int], str]:
    """Return what tells the CPU per run of each process since now."""
    from flows.stack_state import status

    pids = {one.name: one.pid for one in status(settings).processes}

    def read_s() -> dict[str, float]:
        spent = {name: psutil.Process(pids[name]) for name in PARTS}
        return {name: sum(one.cpu_times()[:2]) for name, one in spent.items()}

    before = read_s()

    def report(runs: int) -> str:
        after = read_s()
        return ", ".join(f"{name} {(after[name] - before[name]) / runs:.3f} s" for name in PARTS)

    return report


async def measure(settings: Settings) -> None:
    from flows.deploy import deploy
    from flows.runs import trigger, wait_for

    file = settings.home / "prefect.yaml"
    file.write_text(deployments_to("cpu"))
    started_s = time.perf_counter()
    await deploy(settings, file=file)
    print(f"deploy: {time.perf_counter() - started_s:.2f} s")
    await wait_for([(await trigger("quick/cpu", {})).id])

    latencies_s = []
    cpu = cpu_meter(settings)
    for _ in range(SEQUENTIAL_RUNS):
        run_id = (await trigger("quick/cpu", {})).id
        run = (await wait_for([run_id], poll_s=0.25))[run_id]
        assert run.start_time is not None
        assert run.created is not None
        latencies_s.append((run.start_time - run.created).total_seconds())
    p95_s = statistics.quantiles(latencies_s, n=20)[-1]
    print(
        f"trigger to Running, {SEQUENTIAL_RUNS} runs in turn: "
        f"median {statistics.median(latencies_s):.2f} s, p95 {p95_s:.2f} s"
    )
    print(f"  CPU per run: {cpu(SEQUENTIAL_RUNS)}")

    cpu = cpu_meter(settings)
    started_s = time.perf_counter()
    runs = await asyncio.gather(*(trigger("quick/cpu", {}) for _ in range(BURST_RUNS)))
    await wait_for([run.id for run in runs])
    took_s = time.perf_counter() - started_s
    print(f"{BURST_RUNS} runs at once: {took_s:.1f} s, {BURST_RUNS / took_s:.1f} runs/s")
    print(f"  CPU per run: {cpu(BURST_RUNS)}")


def main() -> None:
    from flows.stack import down, up
    from flows.stack_state import use_stack

    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {datetime.now(UTC):%Y-%m-%d}")
    os.environ["PYTHONPATH"] = str(PROJECT)
    os.environ["NARRATION_MAX_RUNNING"] = "8"
    settings = settings_in(short_home())
    try:
        started_s = time.perf_counter()
        up(settings)
        print(f"up, new home: {time.perf_counter() - started_s:.1f} s")
        down(settings)
        started_s = time.perf_counter()
        up(settings)
        print(f"up again: {time.perf_counter() - started_s:.1f} s")
        use_stack(settings)
        asyncio.run(measure(settings))
    finally:
        started_s = time.perf_counter()
        down(settings, drain_s=0.0)
        print(f"down: {time.perf_counter() - started_s:.1f} s")
        shutil.rmtree(settings.home)


if __name__ == "__main__":
    main()
