"""`onsight broker`: a throw-away Apache Kafka to try things on."""

import click


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port for clients.  [default: a free one]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object when ready, for scripts.")
def command(port: int | None, as_json: bool) -> None:
    """Start a throw-away Apache Kafka and keep it until Ctrl-C.

    Needs neither Docker nor Java: the pinned jars are fetched once into the cache (ONSIGHT_CACHE) and checked
    against digests. One KRaft node on this machine only; its data is gone when it stops, however it stops.

    \b
    Example:
      onsight broker --port 9092
    """
    import signal

    from stream.sandbox.broker import Broker

    click.echo("starting Apache Kafka (the first time: fetching 45 MB) ...", err=True)
    with Broker.start(port=port) as broker:
        if as_json:
            import orjson

            click.echo(orjson.dumps({"bootstrap": broker.bootstrap}))
        else:
            click.echo(NEXT.format(bootstrap=broker.bootstrap))
        try:
            signal.pause()
        except KeyboardInterrupt:
            click.echo("stopped; its data is removed", err=True)


NEXT = """\
Apache Kafka is ready at {bootstrap}.  Ctrl-C stops it and removes its data.

In another terminal:
  export ONSIGHT_KAFKA={bootstrap}
  onsight topics create
  onsight worker"""
