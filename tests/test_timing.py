import pytest

from medunlearn import timing
from medunlearn.timing import OVERHEAD, Stopwatch, run_time_minutes


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self):
        self.now = 1000.0  # perf_counter's zero is arbitrary

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


def fail(clock, seconds):
    clock.passes(seconds)
    raise KeyError("the error")


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", clock)
    return clock


def test_a_stage_gets_the_time_between_start_and_stop(clock):
    watch = Stopwatch()
    clock.passes(100)
    watch.start("training")
    clock.passes(3)
    watch.stop("training")
    clock.passes(100)
    assert watch.seconds == {"training": 3}


def test_a_stage_that_comes_again_adds_up_and_the_time_between_is_nobodys(clock):
    watch = Stopwatch()
    for seconds in (1, 2, 4):
        with watch.measure("training"):
            clock.passes(seconds)
        clock.passes(50)
    with watch.measure("evaluation"):
        clock.passes(8)
    assert watch.seconds == {"training": 7, "evaluation": 8}


def test_time_inside_an_inner_stage_is_the_inner_stages_alone(clock):
    watch = Stopwatch()
    with watch.measure("training"):
        clock.passes(1)
        with watch.measure("validation"):
            clock.passes(10)
            with watch.measure("logging"):
                clock.passes(100)
            clock.passes(20)
        clock.passes(2)
        with watch.measure("logging"):
            clock.passes(200)
        clock.passes(4)
    assert watch.seconds == {"training": 7, "validation": 30, "logging": 300}


def test_a_stage_inside_itself_is_counted_once(clock):
    watch = Stopwatch()
    with watch.measure("saliency"):
        clock.passes(1)
        with watch.measure("saliency"):
            clock.passes(2)
        clock.passes(4)
    assert watch.seconds == {"saliency": 7}


def test_the_times_of_nested_stages_add_up_to_what_has_passed(clock):
    watch = Stopwatch()
    with watch.measure("a"):
        for seconds in range(5):
            clock.passes(seconds)
            with watch.measure(f"b{seconds}"):
                clock.passes(seconds)
    assert sum(watch.seconds.values()) == clock.now - 1000


def test_an_exception_inside_a_stage_passes_through_and_stops_its_clock(clock):
    watch = Stopwatch()
    with watch.measure("training"):
        with pytest.raises(KeyError, match="'the error'"), watch.measure("validation"):
            fail(clock, 5)
        clock.passes(7)
    clock.passes(11)
    with watch.measure("logging"):
        clock.passes(13)
    assert watch.seconds == {"validation": 5, "training": 7, "logging": 13}


def test_a_stage_that_is_stopped_takes_those_that_an_exception_left_inside_it_off_the_clock(clock):
    watch = Stopwatch()
    watch.start("outermost")

    def forget_to_stop():
        clock.passes(1)
        watch.start("validation")
        fail(clock, 2)

    with pytest.raises(KeyError), watch.measure("training"):
        forget_to_stop()
    clock.passes(4)
    watch.stop("outermost")
    clock.passes(100)
    watch.start("training")
    watch.stop("training")
    assert watch.seconds == {"outermost": 4, "training": 1, "validation": 2}


def test_a_stop_when_nothing_runs_does_nothing(clock):
    watch = Stopwatch()
    clock.passes(5)
    watch.stop("training")
    assert sum(watch.seconds.values()) == 0


def test_a_stop_of_a_stage_that_does_not_run_leaves_the_others_on_the_clock(clock):
    watch = Stopwatch()
    watch.start("training")
    watch.stop("validation")
    clock.passes(3)
    watch.stop("training")
    assert watch.seconds == {"training": 3}


def test_stopwatches_share_nothing(clock):
    first, second = Stopwatch(), Stopwatch()
    with first.measure("training"):
        clock.passes(1)
    assert second.seconds == {}


def test_the_device_is_synchronised_before_each_look_at_the_clock(clock, monkeypatch):
    # Work that is still queued on a GPU takes its time when it is waited for.
    monkeypatch.setattr(timing.torch.cuda, "is_available", lambda: True)
    queue = []
    monkeypatch.setattr(timing.torch.cuda, "synchronize", lambda: clock.passes(sum(queue)) or queue.clear())
    watch = Stopwatch()
    queue.append(50)  # queued before anything is measured
    with watch.measure("training"):
        queue.append(3)
        with watch.measure("validation"):
            queue.append(7)
        queue.append(4)
    assert watch.seconds == {"training": 7, "validation": 7}


def test_the_run_time_is_in_minutes():
    assert run_time_minutes({"training": 90.0}) == 1.5
    assert run_time_minutes({}) == 0


@pytest.mark.parametrize("stage", OVERHEAD)
def test_the_run_time_leaves_overhead_out(stage):
    assert run_time_minutes({"training": 60.0, stage: 600.0}) == 1


def test_the_run_time_counts_every_stage_of_the_method():
    assert run_time_minutes({"training": 60.0, "saliency": 30.0, "a stage of another method": 30.0}) == 2


def test_overhead_is_what_the_method_does_not_need():
    assert {"evaluation", "validation", "download", "logging", "compilation", "attack", "checkpoint", "reading"} == set(
        OVERHEAD
    )
