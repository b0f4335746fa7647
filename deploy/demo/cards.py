"""Writes the card transactions that docker-compose.yml plays, as JSON lines: some million, frauds among them."""

import sys

from stream.sandbox.cards import simulate

CARDS, TERMINALS, DAYS, SEED = 8000, 800, 60.0, 7


def main(cards: int = CARDS, days: float = DAYS) -> None:
    for _, event in simulate(cards, TERMINALS, days, SEED).records():
        sys.stdout.buffer.write(event + b"\n")


if __name__ == "__main__":
    main()
