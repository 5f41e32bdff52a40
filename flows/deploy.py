"""Applying ``prefect.yaml``: work pools and their queues, rate limits, then every deployment.

Reads the same file as ``prefect deploy --all``, through Prefect's client: that command is a
second Python, which needs 4 s on 2 cores and cannot create pools of type ``warm``.
"""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_tasks.engines.gtts import BURST
from tts_tasks.errors import StackError
from tts_tasks.settings import PROJECT, Settings

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate

POOLS = ("gpu", "cpu", "control")
"""Work pools that exist after every deploy, whatever the file refers to."""

LOW_QUEUE = "low"
"""Work queue whose runs start when no other run of their pool waits: what nobody waits for."""

LOW_QUEUE_POOLS = ("gpu", "cpu")
"""Work pools that have it: those in which somebody speaks."""

LOW_PRIORITY = 100
"""Its priority; 1, that of ``default``, is the highest. An operator's own queues come between."""


async def deploy(settings: Settings, *, file: Path | None = None) -> list[str]:
    """Create pools and queues, apply every deployment; what has not changed is left alone.

    Args:
        settings: the installation.
        file: the ``prefect.yaml`` to apply; by default the one in the home, else the checkout's.

    Returns:
        The deployments, as ``flow/deployment``, in the order of the file.

    Raises:
        StackError: if the server does not answer, or the file or an entrypoint is wrong.
    """
    from httpx import HTTPError
    from prefect.client.orchestration import get_client

    from tts_tasks.worker import ensure_pool

    path = file or _default_file(settings)
    configs = _read(path)
    pools = dict.fromkeys([*POOLS, *(config["work_pool"]["name"] for config in configs)])
    try:
        async with get_client() as client:
            await asyncio.gather(*(ensure_pool(client, pool) for pool in pools))
            await asyncio.gather(*(ensure_low_queue(client, pool) for pool in LOW_QUEUE_POOLS))
            await ensure_rate_limit(client, "gtts", settings.gtts_requests_per_s)
            return await asyncio.gather(*(_apply(client, config, path) for config in configs))
    except HTTPError as error:
        raise StackError(
            f"the Prefect server refused or did not answer ({error})",
            field=path.name,
            remedy="run `narrate up`, and `narrate status` to see what is wrong",
        ) from error


async def ensure_low_queue(client: PrefectClient, pool: str) -> None:
    """Create the queue of runs that let others go first; one that exists is left as it is."""
    from prefect.exceptions import ObjectAlreadyExists

    try:
        await client.create_work_queue(
            LOW_QUEUE,
            description="Runs that start when no run of the other queues waits.",
            priority=LOW_PRIORITY,
            work_pool_name=pool,
        )
    except ObjectAlreadyExists:
        return


async def ensure_rate_limit(client: PrefectClient, name: str, requests_per_s: float) -> None:
    """Make the rate limit that all workers share as the settings say, unless it is.

    Whether it is active is left to the operator.
    """
    from prefect.client.schemas.actions import (
        GlobalConcurrencyLimitCreate,
        GlobalConcurrencyLimitUpdate,
    )
    from prefect.exceptions import ObjectNotFound

    from tts_tasks.tasks import SLOTS_PER_REQUEST

    limit = BURST * SLOTS_PER_REQUEST
    slots_per_s = requests_per_s * SLOTS_PER_REQUEST
    try:
        found = await client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        made = GlobalConcurrencyLimitCreate(
            name=name, limit=limit, slot_decay_per_second=slots_per_s
        )
        await client.create_global_concurrency_limit(made)
        return
    if (found.limit, found.slot_decay_per_second) != (limit, slots_per_s):
        changed = GlobalConcurrencyLimitUpdate(limit=limit, slot_decay_per_second=slots_per_s)
        await client.update_global_concurrency_limit(name, changed)


def _default_file(settings: Settings) -> Path:
    own = settings.home / "prefect.yaml"
    return own if own.is_file() else PROJECT / "prefect.yaml"


def _read(path: Path) -> list[dict[str, Any]]:
    import yaml

    try:
        configs = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
        for config in configs:
            config["name"], config["entrypoint"], config["work_pool"]["name"]
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise StackError(
            f"not a list of deployments ({type(error).__name__}: {error})",
            field=path.name,
            value=path,
            remedy="give each deployment a name, an entrypoint and a work_pool with a name",
        ) from error
    return list(configs)


async def _apply(client: PrefectClient, config: dict[str, Any], path: Path) -> str:
    from prefect.exceptions import MissingFlowError, ObjectNotFound, ScriptError
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    entrypoint = config["entrypoint"]
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except (ImportError, MissingFlowError, ScriptError) as error:
        raise StackError(
            f"there is no such flow ({error})",
            field=path.name,
            value=entrypoint,
            remedy="correct the entrypoint of the deployment",
        ) from error
    name = f"{flow.name}/{config['name']}"
    schema = parameter_schema(flow).model_dump_for_openapi()
    version = _version(config, schema, flow.version)
    try:
        if (await client.read_deployment_by_name(name)).version == version:
            return name
    except ObjectNotFound:
        pass  # The first deploy.
    limit = config.get("concurrency_limit")
    options = limit if isinstance(limit, dict) else {}
    await client.create_deployment(
        flow_id=await client.create_flow_from_name(flow.name),
        name=config["name"],
        version=version,
        description=config.get("description") or flow.description,
        tags=config.get("tags", []),
        entrypoint=entrypoint,
        pull_steps=[],
        parameters=config.get("parameters", {}),
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
        schedules=[_schedule(schedule) for schedule in config.get("schedules", [])],
        work_pool_name=config["work_pool"]["name"],
        work_queue_name=config["work_pool"].get("work_queue_name"),
        concurrency_limit=options.get("limit") if options else limit,
        concurrency_options=_concurrency_options(options),
    )
    return name


def _version(config: dict[str, Any], schema: dict[str, Any], source: str | None) -> str:
    """Return what changes with the configuration, the parameters or the flow's own file."""
    text = json.dumps([config, schema, source], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:12]


def _schedule(config: dict[str, Any]) -> DeploymentScheduleCreate:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    return DeploymentScheduleCreate(
        schedule=CronSchedule(cron=config["cron"], timezone=config.get("timezone", "UTC")),
        active=config.get("active", True),
        slug=config.get("slug"),
        parameters=config.get("parameters", {}),
    )


def _concurrency_options(options: dict[str, Any]) -> Any:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    if "collision_strategy" not in options:
        return None
    strategy = ConcurrencyLimitStrategy(options["collision_strategy"])
    return ConcurrencyOptions(collision_strategy=strategy)
