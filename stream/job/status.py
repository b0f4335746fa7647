"""Exit statuses of the worker, for whoever starts it again: the names of sysexits.h where it has one."""

from stream.errors import ArtifactError, BrokerError, OnsightError, ProfileError, SettingsError

DRAINED = 0  # asked to stop: all that was read is scored, written and committed
UNAVAILABLE = 69  # the brokers can't be reached, or the topic is not there
CRASHED = 70
STALLED = 75  # nothing moved for too long; a restart may help
REPLACED = 76  # another worker of the same instance_id has its place in the group
MISCONFIGURED = 78  # settings, profile or model are wrong: a restart will not help


def status_of(error: OnsightError) -> int:
    """The exit status for an error that ends a command."""
    if isinstance(error, SettingsError | ProfileError | ArtifactError):
        return MISCONFIGURED
    return UNAVAILABLE if isinstance(error, BrokerError) else 1
