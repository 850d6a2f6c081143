"""The rules of tests/conftest.py hold."""

from __future__ import annotations

import os
import socket

import pytest
from kfpilot.agent.errors import ModelError
from kfpilot.agent.models.forbid import check_allowed


def test_a_unit_test_cannot_open_a_socket() -> None:
    with pytest.raises(Exception, match="tried to use socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_a_unit_test_cannot_reach_a_model() -> None:
    with pytest.raises(ModelError, match="KFPILOT_FORBID_MODELS"):
        check_allowed("any")
    assert not [name for name in os.environ if name.startswith("OPENAI_")]
