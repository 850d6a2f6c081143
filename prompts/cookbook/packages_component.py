# title: Component that needs a library
# use when: a component imports a third-party package such as pandas, scikit-learn or PyYAML
# keywords: component, packages_to_install, package, library, pandas, numpy, sklearn, scikit-learn, pyarrow, yaml, requests, third-party, install, pinned, train, model
# roles: code
# path: pipelines/components/read_settings.py
"""Component that reads settings from YAML."""

from kfp import dsl


@dsl.component(base_image="python:3.11", packages_to_install=["PyYAML==6.0.2"])
def read_settings(settings: dsl.Input[dsl.Artifact], key: str) -> str:
    """Reads one value of a YAML file.

    Args:
        settings: YAML file with a mapping.
        key: The key to read.

    Returns:
        Its value as text.
    """
    import yaml

    with open(settings.path) as source:
        return str(yaml.safe_load(source)[key])
