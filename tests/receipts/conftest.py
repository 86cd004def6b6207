"""A clinic with two requests and their receipts, made once; each test alters a copy."""

import pytest
from helpers.withdrawn import clinic_in, copied


@pytest.fixture(scope="session")
def made_clinic(tmp_path_factory):
    return clinic_in(tmp_path_factory.mktemp("clinic"))


@pytest.fixture
def clinic(made_clinic, tmp_path, monkeypatch):
    """Return a copy of the clinic, which is the working directory."""
    monkeypatch.delenv("MEDUNLEARN_KEY_PASSPHRASE", raising=False)
    return copied(made_clinic, tmp_path)
