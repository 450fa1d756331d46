"""A worker answers with whatever it can write, and errors that cannot be read again come as others."""

import io
import pickle

from l2sae.bulk.pool_worker import _reply


class TwoArgumentsError(Exception):
    """Cannot be made again from its one argument."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def answered(answer: object) -> object:
    replies = io.BytesIO()
    _reply(replies, answer)
    return pickle.loads(replies.getvalue())


def test_rows_come_through_as_they_are() -> None:
    assert answered([{"photo": "a.png"}]) == [{"photo": "a.png"}]


def test_what_cannot_be_written_or_read_again_comes_as_an_error_in_words() -> None:
    for answer, words in ((TwoArgumentsError("no", "face"), "TwoArgumentsError: no face"), (lambda: 0, "function: ")):
        found = answered(answer)
        assert isinstance(found, RuntimeError)
        assert str(found).startswith(words)
