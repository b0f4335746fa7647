"""How records of the source are decoded, the same by all that read it: workers, `check --topic` and `collect`."""

from stream.events import Decoder, Limits
from stream.profile import Profile
from stream.settings import Settings


def source_decoder(settings: Settings, profile: Profile) -> Decoder:
    """With the limits that the settings have; a key is needed unless events are routed by their entity first."""
    limits = Limits(
        settings.max_record_bytes, settings.max_depth, settings.max_headers, require_key=not settings.route
    )
    return Decoder(profile, limits)
