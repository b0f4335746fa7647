"""onsight: the Faust job. Kafka in, explained alerts out.

Axes, used in every docstring and shape: B batch events, R window rows, P peer rows, F feature columns.
"""
