"""A day's edits as an asset of Dagster, and a job for each batch that has ended, whoever has made it."""

from collections.abc import Iterator

import dagster as dg

from retouch import EditQueue

NAMES = ("cat", "dog", "fox", "owl")


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition("2026-01-01"), retry_policy=dg.RetryPolicy(max_retries=3, delay=60)
)
def restyled(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The pictures of a day; a run that is begun again finds the batch of the one before."""
    batch = f"restyle-{context.partition_key}"
    edits = [
        {
            "custom_id": name,
            "prompt": f"a watercolour of a {name}, {context.partition_key}",
            "init_image": f"https://example.com/{name}.png",
        }
        for name in NAMES
    ]
    with EditQueue.from_env() as queue:
        queue.enqueue(edits, batch=batch)
        view = queue.wait(batch, timeout_s=6 * 3600)
        failed = [f"{one.custom_id}: {one.error}" for one in queue.results(batch) if one.state == "failed"]
    counts = {str(state): number for state, number in view.counts.items()}
    if counts.get("completed", 0) < 0.99 * view.total:  # another try would change nothing: a person decides
        raise dg.Failure(f"batch {batch}: {counts}", {"failures": failed[:20]}, allow_retries=False)
    return dg.MaterializeResult(metadata={"batch": batch, "counts": counts, "failures": failed[:20]})


class Ended(dg.Config):
    """Which batch a run of the job is for."""

    batch: str


@dg.op
def publish(context: dg.OpExecutionContext, config: Ended) -> None:
    """What comes after the end of a batch."""
    with EditQueue.from_env() as queue:
        for result in queue.results(config.batch):
            context.log.info("%s: %s", result.custom_id, [output.uri for output in result.outputs])


@dg.job
def publication() -> None:
    """Publishes one batch."""
    publish()


@dg.sensor(job=publication, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def ended_batches(_context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """A run for each batch: Dagster begins one with the same ``run_key`` once."""
    with EditQueue.from_env() as queue:
        for view in queue.batches(100, state="completed", prefix="restyle-"):
            config = dg.RunConfig({"publish": Ended(batch=view.batch)})
            yield dg.RunRequest(run_key=view.batch, run_config=config)


defs = dg.Definitions(assets=[restyled], jobs=[publication], sensors=[ended_batches])
