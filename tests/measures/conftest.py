import pytest

from l2sae.measures.method_comparison import Pairs


@pytest.fixture(scope="session")
def pairs(model, test_split):
    return Pairs(model, test_split, "detail", 3)
