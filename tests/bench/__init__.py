"""Benches: how fast, how soon, how surely. `make bench` lists them; each prints one JSON object at the end."""
