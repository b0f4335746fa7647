"""For trying onsight by hand: a throw-away broker, a simulated card stream, the demo."""
