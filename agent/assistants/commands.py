"""The text of a command, from its one source under prompts/commands, in the form an assistant reads."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict

from .known import Assistant

MARK = re.compile(r"^(?:<!-- |# )kfpilot init sha256:([0-9a-f]{64})(?: -->)?\n?\Z", re.M)
GOOSE_HINT = "Feature, and your own words."


class Command(BaseModel):
    """A command's source: its text has a hole for the user's words."""

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str
    hint: str
    body: str

    def text(self, words: str) -> str:
        """The text with the words, or with the placeholder that stands for them."""
        import jinja2

        folder = resources.files("kfpilot.prompts")
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8").strip()),
            undefined=jinja2.StrictUndefined,
            autoescape=False,
        )
        return environment.from_string(self.body).render(arguments=words).strip() + "\n"


def read_command(name: str) -> Command:
    """A command's source from prompts/commands."""
    import yaml

    text = resources.files("kfpilot.prompts").joinpath("commands", f"{name}.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    return Command(name=name, body=body, **yaml.safe_load(head))


def render(command: Command, assistant: Assistant) -> str:
    """The whole file, with the mark that shows later whether somebody has changed it."""
    body = command.text(assistant.placeholder)
    if assistant.style == "toml":
        text = f"description = {quoted(command.description)}\n\nprompt = {toml_text(body)}\n"
    elif assistant.style == "yaml":
        text = goose_recipe(command, body)
    elif assistant.style == "plain":
        text = f"# {command.description}\n\n{body}"
    else:
        text = front_matter(command, assistant) + body
    return text + mark_for(text, comment=assistant.style in ("toml", "yaml")) + "\n"


def front_matter(command: Command, assistant: Assistant) -> str:
    """The head of a Markdown file, with the keys that the assistant knows."""
    head = {"description": command.description}
    if assistant.style == "skill":
        head = {"name": assistant.command(command.name), **head}
    else:
        head["argument-hint"] = command.hint
    lines = [f"{key}: {value if key == 'name' else quoted(value)}" for key, value in head.items()]
    if assistant.style == "prompt":
        lines.append("agent: agent")
    return "---\n" + "\n".join(lines) + "\n---\n\n"


def goose_recipe(command: Command, body: str) -> str:
    """A recipe of Goose."""
    import yaml

    recipe: dict[str, Any] = {
        "version": "1.0.0",
        "title": f"kfpilot {command.name}",
        "description": command.description,
        "parameters": [
            {
                "key": "args",
                "input_type": "string",
                "requirement": "optional",
                "default": "",
                "description": GOOSE_HINT,
            }
        ],
        "extensions": [{"type": "builtin", "name": "developer"}],
    }
    head = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=200)
    block = "".join(f"  {line}\n" if line else "\n" for line in body.splitlines())
    return f"{head}prompt: |\n{block}"


def quoted(text: str) -> str:
    """In double quotes, as YAML, TOML and JSON all read it."""
    return json.dumps(text, ensure_ascii=False)


def toml_text(text: str) -> str:
    """A multi-line string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""\n{escaped}"""'


def mark_for(text: str, *, comment: bool) -> str:
    """The last line: a digest of all the others."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"# kfpilot init sha256:{digest}" if comment else f"<!-- kfpilot init sha256:{digest} -->"


def is_ours(text: str) -> bool:
    """Whether kfpilot wrote the text, in any version, and nobody has changed it since. Line ends do not matter."""
    plain = text.replace("\r\n", "\n")
    found = MARK.search(plain)
    return found is not None and hashlib.sha256(plain[: found.start()].encode()).hexdigest() == found[1]


def is_marked(text: str) -> bool:
    """Whether kfpilot wrote the text once: its last line says so, whatever was changed since."""
    return MARK.search(text.replace("\r\n", "\n")) is not None
