"""Every error that onsight raises on purpose.

    OnsightError
    |-- ProfileError      a profile file is wrong (file, line, what was expected)
    |-- SettingsError     one or more settings are wrong (all of them, by name)
    |-- ArtifactError     a model folder can't be trusted or used
    |   |-- SignatureError    unsigned, or signed by a key that is not trusted
    |   |-- DigestError       a file is not the one the manifest names
    |   |-- ContractError     version, inputs, outputs, operators or golden scores differ from the contract
    |-- StateError        a changelog record can't be read back
    |-- InputError        an input file or topic can't be read
    |-- BrokerError       a broker can't be reached, started or asked

A bad *event* is never an exception: it is a `Reject`, and goes to the dead-letter topic with its reason.
"""


class OnsightError(Exception):
    """Base of all: its message says what is wrong, what was seen, where, and what to do."""


class ProfileError(OnsightError):
    pass


class SettingsError(OnsightError):
    pass


class ArtifactError(OnsightError):
    pass


class SignatureError(ArtifactError):
    pass


class DigestError(ArtifactError):
    pass


class ContractError(ArtifactError):
    pass


class StateError(OnsightError):
    pass


class InputError(OnsightError):
    pass


class BrokerError(OnsightError):
    pass
