"""A plan on a real Ray cluster of two nodes on this machine, one of which is lost while it works."""

import json
import os
import time
from pathlib import Path
from threading import Thread

import pytest
from helpers.runs import QUIET

from medunlearn.__main__ import main

ray = pytest.importorskip("ray", reason="Ray is an optional extra: pip install -e '.[ray]'")


@pytest.fixture
def cluster(monkeypatch):
    """Two worker nodes of one core each beside a head node without any, so that every stage runs on a worker."""
    from ray.cluster_utils import Cluster

    # A lost node is noticed in seconds rather than half a minute.
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": quick})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


def write_plan(npz):
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    common = {"trainer": {"max_epochs": 60}}
    stages = {
        "train": {"data": data, "model": {"class_path": "Train"}},
        "retrain": {"data": forget, "model": {"class_path": "Retrain"}},
        "salun": {
            "data": forget,
            "reference": "r/retrain",
            "model": {"class_path": "SalUn", "init_args": {"original": "r/train"}},
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
        while not all(Path(f"r/{name}/checkpoints/last.ckpt").is_file() for name in ("train", "retrain")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        cluster.remove_node(nodes[0], allow_graceful=False)
        lost.append(time.monotonic())

    loser = Thread(target=lose_a_node)
    loser.start()
    status = main(["reproduce", *write_plan(npz), "--engine", "ray", *QUIET])
    loser.join()
    told = capfd.readouterr()
    assert lost, "the node was to be lost while both stages were at work"
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
