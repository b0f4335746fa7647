"""Real tables that come with scikit-learn (their licences let them be passed on): each class is once the anomaly."""

import numpy as np

from export.tasks.sets import FEWEST_QUERIES, TaskSet, split

TABLES = ("breast_cancer", "digits", "iris", "wine")
FEWEST_NORMAL = 60


def bundled_sets() -> list[TaskSet]:
    """One set for each class of each table (anomalous: that class), and for each class as the only normal one."""
    from sklearn import datasets

    sets = []
    for table in TABLES:
        rows, label = getattr(datasets, f"load_{table}")(return_X_y=True)
        for kind in np.unique(label):
            for name, anomalous in (("without", label == kind), ("only", label != kind)):
                enough = (~anomalous).sum() >= FEWEST_NORMAL and anomalous.sum() >= FEWEST_QUERIES
                if enough:
                    sets.append(split(f"{table}-{name}-{kind}", rows, anomalous))
    return sets
