"""Files in Cloud Storage through its ordinary client; a plain path works too."""

import os
from urllib.parse import urlparse


def _blob(url):
    from google.cloud import storage  # imported late: a local run needs no cloud library
    parts = urlparse(url)
    return storage.Client(project=os.environ.get("CLOUD_ML_PROJECT_ID", "local")).bucket(parts.netloc).blob(parts.path.lstrip("/"))


def upload(path, url):
    """Copies a local file to gs://bucket/object, or to a path."""
    if url.startswith("gs://"):
        _blob(url).upload_from_filename(path)
    else:
        os.makedirs(os.path.dirname(url) or ".", exist_ok=True)
        with open(path, "rb") as source, open(url, "wb") as target:
            target.write(source.read())


def download(url, path):
    """Copies gs://bucket/object, or a path, to a local file."""
    if url.startswith("gs://"):
        _blob(url).download_to_filename(path)
    else:
        with open(url, "rb") as source, open(path, "wb") as target:
            target.write(source.read())
