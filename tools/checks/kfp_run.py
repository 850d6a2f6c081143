"""What the KFP server does with one run: execute a compiled pipeline or component on this machine, without a cluster.

Like `kfp_server.py`, which loads it, this file runs in an interpreter of the target's and needs only the standard
library and kfp. The user's modules are not imported: everything that runs is in the compiled form, as in a cluster.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
SET_FLAGS, INTERFACE_UP = 0x8914, 0x1
DEAD_PROXY = "http://127.0.0.1:9"
TEXT_LIMIT = 65536
"""Bytes of an output file that an answer holds."""


def preload() -> None:
    """Import what a run needs, so that its fork has it; an old kfp has no local runs."""
    with contextlib.suppress(Exception):
        import kfp.local.orchestrator.dag_orchestrator
        import kfp.local.orchestrator.enhanced_dag_orchestrator
        import kfp.local.pipeline_orchestrator
        import kfp.local.task_dispatcher  # noqa: F401


def cut_network() -> bool:
    """Leave this process and what it starts with a loopback of its own and nothing else (Linux, where it is allowed).

    A pipeline that is tried with its default values must not write to a table or a bucket that they name.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK) != 0:
            return False
    except (OSError, AttributeError):
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with contextlib.suppress(OSError):
            Path("/proc/self", name).write_text(text)
    with contextlib.suppress(OSError, ImportError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        import fcntl

        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH14x", b"lo", INTERFACE_UP))
    return True


def enclose(folder: Path) -> bool:
    """Give the run an empty home, its own temporary files and no network; True if that is really cut off."""
    for name in ("home", "tmp", "root", "work"):
        (folder / name).mkdir(exist_ok=True)
    os.environ.update(HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"))
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(folder / "work")
    tempfile.tempdir = None
    if os.environ.get("KFPILOT_SANDBOX_INSIDE") or cut_network():  # in the sandbox it is cut already
        return True
    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
        os.environ[name] = os.environ[name.upper()] = DEAD_PROXY
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1"
    return False


def artifact(name: str, path: str, title: str) -> Any:
    """A file as an input artifact of the type that the pipeline wants."""
    from kfp import dsl

    kind = title.partition(".")[2]
    made: Any = getattr(dsl, kind, dsl.Artifact)(name=name, uri=path)
    return made


def said(value: Any) -> Any:
    """An output as JSON; a file with the beginning of its text."""
    if isinstance(value, list):
        return [said(item) for item in value]
    if not hasattr(value, "uri"):
        return value
    found: dict[str, Any] = {"path": value.path or value.uri}
    with contextlib.suppress(OSError, UnicodeDecodeError, TypeError):
        data = Path(found["path"]).read_bytes()
        found["bytes"] = len(data)
        found["text"] = data[:TEXT_LIMIT].decode("utf-8")
    return found


def execute(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run it through kfp's own local runner; the outputs."""
    from google.protobuf import json_format
    from kfp import local
    from kfp.local import subprocess_task_handler
    from kfp.pipeline_spec import pipeline_spec_pb2

    # Each step says already which interpreter it wants.
    subprocess_task_handler.replace_python_executable = lambda full_command, new_executable: full_command
    spec = json_format.ParseDict(job["spec"], pipeline_spec_pb2.PipelineSpec())
    arguments = dict(job["arguments"])
    for name, item in job["artifacts"].items():
        arguments[name] = artifact(name, item["path"], item["type"])
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "root"), raise_on_error=True)
    if not job["component"]:
        from kfp.local import pipeline_orchestrator

        outputs: dict[str, Any] = pipeline_orchestrator.run_local_pipeline(spec, arguments)
        return outputs
    from kfp.local import executor_input_utils, placeholder_utils, task_dispatcher, utils

    name, component = next(iter(spec.components.items()))
    outputs, status = task_dispatcher.run_single_task_implementation(
        pipeline_resource_name=executor_input_utils.get_local_pipeline_resource_name(spec.pipeline_info.name),
        component_name=name,
        component_spec=component,
        executor_spec=utils.struct_to_executor_spec(spec.deployment_spec["executors"][component.executor_label]),
        arguments=arguments,
        pipeline_root=str(folder / "root"),
        runner=local.SubprocessRunner(use_venv=False),
        raise_on_error=False,
        block_input_artifact=False,
        unique_pipeline_id=placeholder_utils.make_random_id(),
    )
    if status.name != "SUCCESS":
        raise RuntimeError(f"{name} failed")
    return outputs


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Run one compiled pipeline or component with its arguments.

    Args:
        job: `spec`, `component` (or a pipeline), `arguments`, `artifacts` and the run's `folder`, whose file `log`
            holds afterwards what was printed.

    Returns:
        `status` (succeeded, failed, unsupported), `error`, `outputs`, and whether the run was `offline` for sure.
    """
    folder = Path(job["folder"])
    result: dict[str, Any] = {"status": "failed", "error": "", "outputs": {}, "offline": enclose(folder)}
    try:
        result["outputs"] = {name: said(value) for name, value in execute(job, folder).items()}
        result["status"] = "succeeded"
    except (ImportError, AttributeError) as error:
        result.update(status="unsupported", error=f"{type(error).__name__}: {error}")
        traceback.print_exc()
    except BaseException as error:
        result["error"] = f"{type(error).__name__}: {error}"
        if not isinstance(error, RuntimeError):
            traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
    return result
