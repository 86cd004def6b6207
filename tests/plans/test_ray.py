"""A plan on a real Ray cluster of two nodes on this machine, one of which is lost while it works."""

import builtins
import json
import os
import time
from pathlib import Path
from threading import Thread

import pytest
from helpers.backbones import TINY
from helpers.children import at_work
from helpers.runs import QUIET

from medunlearn.__main__ import main

ray = pytest.importorskip("ray", reason="Ray is an optional extra: pip install -e '.[ray]'")


@pytest.fixture
def cluster(monkeypatch):
    """Two worker nodes of one core each beside a head node without any, so that every stage runs on a worker."""
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(builtins, "print", builtins.print)  # Ray puts another in its place, and leaves it there
    # A lost node is noticed in seconds rather than half a minute.
    quick = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 1000,
        "health_check_failure_threshold": 10,
        "worker_niceness": 0,  # Ray's 15 starves stages beside other tests
    }
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": quick})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, Path(__file__).parents[1:3])))
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


def write_plan(npz):
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    tiny = {"backbone": TINY}
    common = {"trainer": {"max_epochs": 3, "callbacks": [{"class_path": "helpers.methods.WaitAtWork"}]}}
    stages = {
        "train": {"data": data, "model": {"class_path": "Train", "init_args": tiny}},
        "retrain": {"data": forget, "model": {"class_path": "Retrain", "init_args": tiny}},
        "salun": {
            "data": forget,
            "reference": "r/retrain",
            "model": {"class_path": "SalUn", "init_args": {"original": "r/train", **tiny}},
            "trainer": {"max_epochs": 3},
        },
    }
    for name, content in stages.items():
        Path(f"{name}.yaml").write_text(json.dumps({"run_dir": f"r/{name}", **common, **content}))
    return [f"{name}.yaml" for name in stages]


@pytest.mark.timeout(600)
def test_a_plan_completes_though_a_node_is_lost(cluster, npz, capfd):
    cluster, nodes = cluster
    lost = []

    def lose_a_node():
        deadline = time.monotonic() + 200
        try:
            at_it = [Path("Train.pid"), Path("Retrain.pid")]
            while not all(path.is_file() and path.read_text() for path in at_it):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            pids = [int(path.read_text()) for path in at_it]
            assert all(map(at_work, pids))
            cluster.remove_node(nodes[0], allow_graceful=False)
            while all(map(at_work, pids)):
                assert time.monotonic() < deadline, "the stage goes on without its node"
                time.sleep(0.1)
            lost.append([pid for pid in pids if not at_work(pid)])
        finally:
            Path("go_on").touch()

    loser = Thread(target=lose_a_node)
    loser.start()
    status = main(["reproduce", *write_plan(npz), "--engine", "ray", *QUIET])
    loser.join()
    told = capfd.readouterr()
    assert lost, "the node was to be lost while both stages were at work"
    assert len(lost[0]) == 1, "the other node's stage goes on"
    assert status == 0, told.err[-3000:]
    assert all(
        json.loads(Path(f"r/{name}/metrics.json").read_text())["epochs"] for name in ("train", "retrain", "salun")
    )
    assert "| r/salun" in told.out


def test_without_a_cluster_one_line_says_so(npz, capsys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert main(["reproduce", *write_plan(npz), "--engine", "ray"]) == 2
    assert "engine=ray: no cluster at RAY_ADDRESS=127.0.0.1:1" in capsys.readouterr().err
    assert os.listdir() and not Path("r").exists()  # noqa: PTH208
