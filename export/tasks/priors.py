"""Synthetic sets: what streams and tables are like, drawn without any data.

A draw gives normal rows from one of several families and anomalies of every size and kind. The families:
few independent or linearly related columns with plain parametric marginals (what a stream of amounts and rates
looks like), mixtures of Gaussians, structural causal models with random graphs, Gaussian and heavy-tailed
copulas, and autoregressive processes with seasons seen through lags.
"""

import numpy as np

from export.tasks.sets import TaskSet

ROWS = 700
MOST_COLUMNS = 6
FEW_COLUMNS = 2  # amounts, counts, delays: what is strange about them is mostly that they are high


def draw_set(rng: np.random.Generator) -> TaskSet:
    """One set of ROWS normal rows for contexts, half as many for queries, and as many anomalies."""
    family = rng.choice(5, p=[0.6, 0.1, 0.12, 0.1, 0.08])
    columns = 1 if family == 0 and rng.random() < 0.5 else int(rng.integers(1, MOST_COLUMNS + 1))
    latent = (_related, _mixture, _causal, _copula, _process)[family](rng, ROWS * 2, columns)
    if family < 4:
        latent = _marginals(rng, latent)
    train, normal, base = latent[:ROWS], latent[ROWS : ROWS + ROWS // 2], latent[ROWS + ROWS // 2 :]
    upward = 0.85 if columns <= FEW_COLUMNS else 0.4
    anomalous = distort(rng, base, train, rng.uniform(0.2, 1.0), upward)
    return TaskSet("prior", *(part.astype(np.float32) for part in (train, normal, anomalous)))


def distort(
    rng: np.random.Generator, rows: np.ndarray, train: np.ndarray, density: float, upward: float = 0.33
) -> np.ndarray:
    """Turn normal `rows` [N, F] into anomalies in about `density` of their columns, and in at least one.

    One kind a call: a multiple, a shift (of one side or both, of every size), a value of another row, a tight
    cluster elsewhere, or noise. Of the shifts, a share of `upward` is to the high side only.
    """
    number, columns = rows.shape
    scale = train.std(0) + 1e-9
    size = np.exp(rng.uniform(np.log(1.5), np.log(20.0), (number, 1)))
    kind = rng.choice(5, p=[0.25, 0.35, 0.15, 0.1, 0.15])
    if kind == 0:
        other = rows * np.minimum(size, 12.0)
    elif kind == 1:
        sign = np.sign(rng.standard_normal((number, columns))) if rng.random() >= upward else 1.0
        other = rows + sign * scale * size
    elif kind == 2:
        other = np.stack([train[rng.integers(len(train), size=number), j] for j in range(columns)], 1)
    elif kind == 3:
        centre = train.mean(0) + scale * rng.standard_normal(columns) * rng.uniform(1, 5)
        other = centre + scale * rng.uniform(0.1, 1.0) * rng.standard_normal((number, columns))
    else:
        other = rows + rng.standard_normal((number, columns)) * scale * rng.uniform(1, 4)
    changed = rng.random((number, columns)) < density
    changed[np.arange(number), rng.integers(columns, size=number)] = True
    return np.where(changed, other, rows)


def _related(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Standard normal columns, most often linearly related."""
    mixing = rng.standard_normal((columns, columns)) * (rng.random() < 0.6) * 0.6 + np.eye(columns)
    z = rng.standard_normal((rows, columns)) @ mixing
    return np.asarray(z / z.std(0))


def _mixture(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Two to six Gaussians of unequal weight and width."""
    number = int(rng.integers(2, 7))
    which = rng.choice(number, rows, p=rng.dirichlet(np.ones(number)))
    centre = rng.standard_normal((number, columns)) * rng.uniform(1, 3)
    width = np.exp(rng.normal(-0.7, 0.5, (number, columns)))
    z = centre[which] + width[which] * rng.standard_normal((rows, columns))
    return np.asarray((z - z.mean(0)) / (z.std(0) + 1e-9))


def _causal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Each column a noisy nonlinear function of some earlier ones, hidden ones among them."""
    nodes = columns + int(rng.integers(0, 4))
    values = np.zeros((rows, nodes))
    for node in range(nodes):
        weight = rng.standard_normal(nodes) * (rng.random(nodes) < 0.5) * (np.arange(nodes) < node)
        cause = values @ weight
        effect = (cause, np.tanh(cause), np.sin(2 * cause), np.maximum(cause, 0.0), cause**2 / 2)[
            rng.integers(5)
        ]
        values[:, node] = effect + rng.standard_normal(rows) * rng.uniform(0.1, 1.0)
        values[:, node] /= values[:, node].std() + 1e-9
    return values[:, rng.permutation(nodes)[:columns]]


def _copula(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Columns that share one factor, and with it their extremes when the tails are heavy."""
    share = rng.uniform(0, 0.95)
    z = np.sqrt(share) * rng.standard_normal((rows, 1)) * rng.choice([-1, 1], columns)
    z = z + np.sqrt(1 - share) * rng.standard_normal((rows, columns))
    if rng.random() < 0.5:
        freedom = rng.uniform(2, 8)
        z = z / np.sqrt(rng.chisquare(freedom, (rows, 1)) / freedom)
    return np.asarray(z)


def _process(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Values of an autoregressive process with a season, and those before them, in time order."""
    steps = rows + columns
    memory, period = rng.uniform(0, 0.95), rng.uniform(8, 80)
    noise = rng.standard_normal(steps)
    value = np.zeros(steps)
    for step in range(1, steps):
        value[step] = memory * value[step - 1] + noise[step]
    value = value + rng.uniform(0, 3) * np.sin(np.arange(steps) * 2 * np.pi / period)
    return np.stack([value[columns - lag : steps - lag] for lag in range(columns)], 1)


def _marginals(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """Give each standard column a marginal distribution of its own."""
    z = np.clip(z, -6, 6)  # heavy tails would leave float32 through an exponential
    return np.stack([_marginal(rng, z[:, column]) for column in range(z.shape[1])], 1)


def _marginal(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    kind = rng.integers(9)
    if kind <= 1:
        return z
    if kind == 2:
        return np.exp(z * rng.uniform(0.3, 1.2))
    if kind == 3:
        return np.abs(z + rng.uniform(0, 2))
    if kind == 4:
        return np.maximum(z * rng.uniform(0.3, 0.6) + 1, rng.uniform(0, 0.2))
    if kind == 5:
        return np.asarray(np.tanh(z))
    if kind == 6:
        return np.asarray(np.sign(z) * np.abs(z) ** rng.uniform(1.2, 2.5))
    if kind == 7:
        return np.round(np.exp(z * rng.uniform(0.3, 1.0)) * rng.uniform(1, 20))
    return np.asarray(z + rng.uniform(2, 6) * (z > rng.uniform(-0.5, 1)))
