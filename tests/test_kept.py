"""Parameters go into a graph and come back the same; what has none, or others, says so."""

import numpy as np
import pytest

from export.knn import build as knn
from export.meta.build import build
from export.meta.kept import KEY, keep, kept
from export.meta.parameters import SIZES, initial
from stream.errors import ArtifactError


@pytest.mark.parametrize("size", SIZES)
def test_what_a_graph_was_built_of_can_be_taken_up_again(size: str) -> None:
    parameters = initial(SIZES[size], 3)
    model = build(parameters).SerializeToString(deterministic=True)
    found, again = kept(model, "model.onnx")
    assert found == size
    assert again.keys() == parameters.keys()
    assert all(np.array_equal(again[name], parameters[name]) for name in parameters)
    assert build(again).SerializeToString(deterministic=True) == model


def test_a_graph_without_them_or_with_others_is_refused() -> None:
    with pytest.raises(ArtifactError, match="holds no parameters"):
        kept(knn().SerializeToString(), "knn/model.onnx")
    other = build(initial(SIZES["small"], 3))
    (entry,) = (entry for entry in other.metadata_props if entry.key == KEY)
    entry.value = entry.value[:400]
    with pytest.raises(ArtifactError, match="can't be read"):
        kept(other.SerializeToString(), "cut/model.onnx")
    del other.metadata_props[:]
    keep(other, initial(SIZES["small"], 3) | {"bandwidth": np.zeros(2, np.float32)})
    with pytest.raises(ArtifactError, match="another structure"):
        kept(other.SerializeToString(), "other/model.onnx")
