"""What of the parameters nothing but categories uses: trained alone, it leaves sets of numbers as they are.

Of few tasks that training draws half of the columns are categories, as those of streams are, and more of them would
cost sets of numbers what they gain. So these entries are trained once more, on tasks that all have categories.
"""

import numpy as np

from export.meta.detectors import NOVELTY
from export.meta.parameters import Parameters
from export.meta.statistics import CATEGORY, STATISTICS

# Of a context's statistics, the share of categories among the columns, and whether there are any.
SHARES = (CATEGORY, STATISTICS + CATEGORY)
BIASES = {"context1": "context1_bias", "gate_window": "gate1_bias", "gate_peers": "gate1_bias"}


def zero_without_categories(parameters: Parameters) -> Parameters:
    """The same function, but for what is cut at far ends, with standardised SHARES that are 0 without categories."""
    rows = list(SHARES)
    mean, spread = parameters["context_mean"].copy(), parameters["context_spread"]
    changed = dict(parameters)
    for weights, bias in BIASES.items():
        changed[bias] = changed[bias] - (mean[rows] / spread[rows]) @ parameters[weights][rows]
    mean[rows] = 0
    return changed | {"context_mean": mean}


def used_by_categories(parameters: Parameters) -> Parameters:
    """For each array with such entries, 1 for these and 0 for the others."""
    masks = {
        name: np.zeros_like(parameters[name]) for name in ("feature1", "feature1_all", "mixture1", *BIASES)
    }
    masks["feature1"][:, CATEGORY] = 1
    masks["feature1_all"][CATEGORY] = 1
    masks["mixture1"][list(NOVELTY)] = 1
    for name in BIASES:
        masks[name][list(SHARES)] = 1
    return masks
