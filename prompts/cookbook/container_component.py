# title: Container component
# use when: a step runs a command of an existing image instead of Python code
# keywords: container, container_component, ContainerSpec, image, docker, command, args, shell, curl, binary, cli
# roles: code
# path: pipelines/components/download_file.py
"""Component that downloads a file with curl."""

from kfp import dsl


@dsl.container_component
def download_file(url: str, file: dsl.Output[dsl.Artifact]):
    """Downloads a file.

    Args:
        url: Where the file is.
        file: The downloaded file.
    """
    return dsl.ContainerSpec(
        image="curlimages/curl:8.11.1",
        command=["curl"],
        args=["--fail", "--location", "--create-dirs", "--output", file.path, url],
    )
