# title: Pipeline that gives a step a Kubernetes secret
# use when: a step needs a password, token or key; it comes from a secret, never from a parameter
# keywords: pipeline, secret, secrets, password, token, credential, credentials, api key, kubernetes, kfp-kubernetes, use_secret_as_env, environment variable, config map
# roles: code
# path: pipelines/secret_login.py
"""Pipeline whose step reads a token from a secret."""

from kfp import dsl, kubernetes


@dsl.component(base_image="python:3.11")
def log_in(user: str) -> str:
    """Logs in with the token in the environment variable STATION_TOKEN.

    Args:
        user: Name of the user.

    Returns:
        A message without the token.
    """
    import os

    token = os.environ["STATION_TOKEN"]
    return f"{user} logged in with {len(token)} characters"


@dsl.pipeline(name="secret-login", description="Logs in with a token from a secret.")
def secret_login(user: str = "reader"):
    """Logs in with the token of the secret station-api.

    Args:
        user: Name of the user.
    """
    login = log_in(user=user)
    kubernetes.use_secret_as_env(login, secret_name="station-api", secret_key_to_env={"token": "STATION_TOKEN"})
    login.set_caching_options(enable_caching=False)
