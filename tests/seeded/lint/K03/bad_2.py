from kfp import dsl

PACKAGES = ["requests==2.32.3", "pyyaml>=6"]


@dsl.component(base_image="python:3.12", packages_to_install=PACKAGES)
def names(text: str) -> list:
    import yaml

    return sorted(yaml.safe_load(text))
