"""Versions and hardware that a result depends on."""

import json
import os
import platform
from importlib.metadata import version

import numpy as np
import pytest
import torch

from medunlearn.training import environment
from medunlearn.training.environment import PACKAGES, hardware, versions

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz: 4\ncpu MHz\t: 1\n\nprocessor\t: 1\nmodel name\t: Other\n"


def test_versions_are_those_of_what_runs():
    found = versions()
    assert list(found) == ["python", *PACKAGES]
    assert found["python"] == platform.python_version()
    assert found["torch"] == version("torch")
    assert found["numpy"] == np.__version__


def test_versions_of_a_package_that_is_not_installed_are_null(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package-anywhere"))
    assert versions()["no-such-package-anywhere"] is None
    assert versions()["torch"] is not None


def test_hardware_of_a_cpu_run_names_the_processor(monkeypatch):
    monkeypatch.setattr(environment, "_processor", lambda: "Some CPU")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    found = hardware(torch.device("cpu"))
    assert found == {
        "device": "cpu",
        "name": "Some CPU",
        "cpu": "Some CPU",
        "cpu_cores": 7,
        "threads": 5,
        "system": platform.system(),
    }
    assert json.loads(json.dumps(found)) == found


def test_hardware_of_a_gpu_run_names_that_gpu_and_the_processor(monkeypatch):
    monkeypatch.setattr(environment, "_processor", lambda: "Some CPU")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    found = hardware(torch.device("cuda", 1))
    assert (found["device"], found["name"], found["cpu"]) == ("cuda", "GPU 1", "Some CPU")


def test_hardware_counts_one_core_where_the_system_cannot_say(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert hardware(torch.device("cpu"))["cpu_cores"] == 1


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "expected"),
    [
        (CPUINFO, "unused", "Some CPU @ 2.0GHz: 4"),
        ("processor\t: 0\nBogoMIPS\t: 50\n", "unused", "arm64"),
        (None, "i386", "i386"),
        (None, "", "arm64"),
    ],
)
def test_processor_is_the_first_name_that_the_system_knows(monkeypatch, cpuinfo, processor, expected):
    def read_text(path):
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return cpuinfo

    monkeypatch.setattr(environment.Path, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: processor)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert hardware(torch.device("cpu"))["cpu"] == expected
