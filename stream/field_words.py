"""What a word in a field's name tells about the field."""

TIMES = frozenset(
    {"ts", "time", "timestamp", "datetime", "date", "at", "when", "epoch", "created", "occurred"}
)

# Who acts, by the word that says so, and what it is then called.
ACTORS = {
    "card": "card",
    "patient": "patient",
    "device": "device",
    "sensor": "sensor",
    "vehicle": "vehicle",
    "user": "user",
    "client": "client",
    "customer": "customer",
    "account": "account",
    "host": "host",
    "src": "host",
    "source": "host",
    "orig": "host",
    "ip": "host",
}
ACTED_ON = frozenset(
    {"dst", "dest", "destination", "resp", "target", "terminal", "merchant", "shop", "server"}
)

# Numbers that are names: only equality means anything.
CODES = frozenset(
    {
        "id",
        "code",
        "mcc",
        "port",
        "p",
        "status",
        "type",
        "proto",
        "protocol",
        "category",
        "class",
        "zip",
        "version",
    }
)

# Known only afterwards, and so no feature.
LABELS = frozenset(
    {"label", "fraud", "attack", "anomaly", "anomalous", "malicious", "outlier", "verdict", "scenario"}
)
