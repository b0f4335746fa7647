"""The edges: Faust, aiokafka and Kafka. The only room that imports them, beside cli/ and sandbox/."""
