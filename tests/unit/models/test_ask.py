"""Asking for data: where the request is made, and what an answer that is none comes to."""

from __future__ import annotations

import threading

from kfpilot.agent.models.ask import Asker
from kfpilot.agent.models.scripted import ScriptedModel, calls
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel


class Price(BaseModel):
    amount: int


def test_a_signal_finds_the_request_in_the_thread_that_asks() -> None:
    asked: list[str] = []

    def turn(messages: list[BaseMessage]) -> AIMessage:
        asked.append(threading.current_thread().name)
        return calls(("Price", {"amount": 2}))

    text, answer, fault = Asker(ScriptedModel([turn]), Price, purpose="draft")([HumanMessage("how much?")])
    assert asked == [threading.current_thread().name]
    assert (text, answer, fault) == ('{"amount":2}', Price(amount=2), "")


def test_what_the_schema_refuses_is_told_with_the_message_as_it_came() -> None:
    model = ScriptedModel([calls(("Price", {"amount": "much"})), 'it is\n```json\n{"amount": 3}\n```', "no"])
    ask = Asker(model, Price, purpose="draft")
    text, answer, fault = ask([HumanMessage("how much?")])
    assert (text, answer) == ('{"amount": "much"}', None) and fault.startswith("amount: ")
    assert ask([HumanMessage("how much?")])[1] == Price(amount=3)
    assert ask([HumanMessage("how much?")])[1:] == (None, "The answer holds no JSON object.")
