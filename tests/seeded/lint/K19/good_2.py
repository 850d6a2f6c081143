from kfp import dsl, kubernetes


@dsl.component(base_image="python:3.12")
def load(n: int) -> int:
    from pathlib import Path

    folder = Path("/mnt/data/incoming")
    scratch = Path("/tmp/scratch")
    scratch.mkdir()
    return n + len(list(folder.iterdir()))


@dsl.pipeline
def daily(n: int):
    loaded = load(n=n)
    kubernetes.mount_pvc(loaded, pvc_name="data", mount_path="/mnt/data")
