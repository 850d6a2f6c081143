from kfp import dsl, kubernetes


@dsl.component(base_image="python:3.12")
def show(text: str) -> str:
    return text.strip()


@dsl.pipeline
def daily():
    shown = show(text="rows").set_env_variable(name="LOG_LEVEL", value="debug")
    kubernetes.use_secret_as_env(shown, secret_name="api", secret_key_to_env={"token": "API_TOKEN"})
