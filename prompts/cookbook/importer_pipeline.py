# title: Pipeline that imports an existing artifact
# use when: a pipeline starts from a file that already lies in storage
# keywords: pipeline, importer, dsl.importer, import artifact, existing file, existing dataset, uri, artifact_uri, s3, gs, minio, bucket, storage
# roles: code
# path: pipelines/count_stored.py
"""Pipeline that counts the rows of a stored file."""

from kfp import dsl

from pipelines.components.count_rows import count_rows


@dsl.pipeline(name="count-stored", description="Counts the rows of a stored CSV.")
def count_stored(uri: str = "minio://readings/today.csv") -> int:
    """Imports a CSV as a dataset and counts its rows.

    Args:
        uri: Where the CSV is.

    Returns:
        The number of rows.
    """
    imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, reimport=False)
    return count_rows(table=imported.output).output
