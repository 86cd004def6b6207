"""The model card's front matter, as Hugging Face's library reads it."""

import pytest
import yaml

from medunlearn.exporting.card import check
from medunlearn.exporting.licences import data_licence

HEAD = {"library_name": "medunlearn", "tags": ["medical"]}


def test_front_matter_that_is_read_as_it_was_meant_passes():
    check(f"---\n{yaml.safe_dump(HEAD)}---\n# A model\n", HEAD)


def test_front_matter_that_is_read_otherwise_is_an_error():
    with pytest.raises(ValueError, match="Expected huggingface_hub to read"):
        check("---\nlibrary_name: other\n---\n", HEAD)


def test_licence_is_that_of_the_set_and_of_no_set_it_is_not_stated():
    assert data_licence("bloodmnist").endswith("CC BY 4.0")
    assert data_licence("breast28") == data_licence("breastmnist")
    assert data_licence("dermamnist").endswith("CC BY-NC 4.0")
    assert all("not stated" in data_licence(name) for name in (None, "synthetic"))
