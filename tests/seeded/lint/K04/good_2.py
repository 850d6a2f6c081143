from kfp import dsl

IMAGE = "registry.example.com:5000/team/train@sha256:0a1b2c"


@dsl.container_component
def train(epochs: int):
    return dsl.ContainerSpec(image=IMAGE, command=["train"], args=["--epochs", epochs])
