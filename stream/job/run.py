"""Start the worker process, and end it with an exit status that says how it went (see status.py)."""

import logging
import sys
from typing import NoReturn

import faust

from stream.errors import OnsightError
from stream.job.app import Job
from stream.job.health import Health, listen
from stream.job.logs import configure
from stream.job.metrics import registry
from stream.job.status import CRASHED, DRAINED, status_of
from stream.memory import collect_rarely, keep_freed_memory
from stream.settings import Settings

log = logging.getLogger("onsight")


def run(settings: Settings) -> NoReturn:
    """Run until a signal; exits 0 only after a stop that left nothing undone."""
    configure(settings.log_format, settings.log_level)
    keep_freed_memory()
    try:
        serving = listen(settings)
        job = Job(settings)
    except OnsightError as error:
        refuse(error)
    Health(job.pulse, registry(job, job.pulse), serving, lambda: bool(job.app.crashed)).start()
    collect_rarely()
    sys.exit(DRAINED if _serve(job) else CRASHED)


def _serve(job: Job) -> bool:
    """Whether the worker was asked to stop and did so in order."""
    level = job.settings.log_level.upper()
    worker = faust.Worker(job.app, loglevel=level, quiet=True, override_logging=False)
    job.watch(worker.loop)
    worker.spinner = None  # it writes to the log, whoever reads that
    try:
        worker.execute_from_commandline()
    except SystemExit:
        pass  # Faust's own status is 0 after some crashes
    except BaseException as error:
        log.critical("the worker crashed: %s", error, exc_info=error)
        return False
    return job.drained


def refuse(error: OnsightError) -> NoReturn:
    """Say why the worker does not start."""
    log.critical("%s", error)
    sys.exit(status_of(error))
