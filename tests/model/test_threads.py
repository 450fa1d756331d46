"""Work on small tensors takes one thread, and leaves the number as it was."""

import pytest
import torch

from l2sae.model.threads import one_thread


def test_the_number_of_threads_comes_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_thread():
            assert torch.get_num_threads() == 1
        with pytest.raises(ValueError, match="inside"), one_thread():
            raise ValueError("inside")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
