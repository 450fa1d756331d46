"""Undo and redo of any kind of state."""

from l2sae.editing.history import History


def test_undo_and_redo_stop_at_the_ends() -> None:
    history = History("a", lambda states: True)
    history.commit("b")
    assert [history.undo(), history.present, history.undo(), history.present] == [True, "a", False, "a"]
    assert [history.redo(), history.present, history.redo(), history.present] == [True, "b", False, "b"]


def test_a_change_ends_what_could_be_redone() -> None:
    history = History("a", lambda states: True)
    history.commit("b")
    history.undo()
    history.commit("c")
    assert not history.can_redo
    assert history.undo()
    assert history.present == "a"


def test_changes_of_one_gesture_are_one_step() -> None:
    history = History(0, lambda states: True)
    for value in (1, 2, 3):
        history.commit(value, gesture="drag")
    assert history.undo()
    assert history.present == 0


def test_the_oldest_go_where_states_do_not_fit_but_one_step_back_remains() -> None:
    history = History(0, lambda states: sum(states) <= 6)
    for value in (1, 2, 3, 100):
        history.commit(value)
    assert history.undo()
    assert history.present == 3
    assert not history.undo()


def test_a_trial_leaves_nothing() -> None:
    history = History("a", lambda states: True)
    with history.trial():
        history.commit("b")
        assert history.present == "b"
    assert history.present == "a"
    assert not history.can_undo
