"""The experience: what was seen on a stream, as rows of features with alerts and verdicts, and tasks drawn from it."""
