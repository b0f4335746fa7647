"""Keys go where Kafka's own clients send them."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as reference

from stream.partitioner import murmur2, partition_of


@given(st.binary(max_size=40))
def test_the_hash_is_that_of_kafka(data: bytes) -> None:
    assert murmur2(data) == reference(data) & 0xFFFFFFFF


@given(st.binary(max_size=40), st.integers(1, 100))
def test_partitions_are_in_range_and_those_of_kafka(key: bytes, count: int) -> None:
    assert partition_of(key, count) == (reference(key) & 0x7FFFFFFF) % count
