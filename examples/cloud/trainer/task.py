"""A trainer that takes the arguments of the configurations in this folder and needs nothing but Python.

It "trains" a curve whose height depends on the tuned parameter, reports it as hypertune's library does, and leaves a small
model in the job directory.
"""

import argparse
import json
import os
import time
import urllib.parse
import urllib.request


def report(tag, value, step):
    """One metric in the form of cloudml-hypertune's file."""
    path = os.environ.get("CLOUD_ML_HP_METRIC_FILE", "/tmp/hypertune/output.metrics")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    line = {"checkpoint_path": "", "global_step": str(step), "timestamp": time.time(),
            "trial": os.environ.get("CLOUD_ML_TRIAL_ID", "0"), tag: str(value)}
    with open(path, "w") as out:
        out.write(json.dumps(line, sort_keys=True) + "\n")


def save(url, model):
    """Writes the model to gs://bucket/path (Cloud Storage's JSON API) or to a folder."""
    text = json.dumps(model)
    if not url.startswith("gs://"):
        os.makedirs(url, exist_ok=True)
        with open(os.path.join(url, "model.json"), "w") as out:
            out.write(text)
        return
    parts = urllib.parse.urlparse(url)
    name = urllib.parse.quote(parts.path.strip("/") + "/model.json", safe="")
    base = os.environ.get("STORAGE_EMULATOR_HOST", "https://storage.googleapis.com")
    request = urllib.request.Request(f"{base}/upload/storage/v1/b/{parts.netloc}/o?uploadType=media&name={name}",
                                     data=text.encode(), method="POST")
    urllib.request.urlopen(request, timeout=60).read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", default="model")
    parser.add_argument("--test_arg1", default="")
    parser.add_argument("--test_arg2", default="")
    parser.add_argument("--test-metrics1", type=int, default=100)
    args = parser.parse_args()
    print("arguments:", vars(args), flush=True)
    accuracy = 1 - abs(args.test_metrics1 - 220) / 400
    report("accuracy", accuracy, 1)
    save(args.job_dir, {"accuracy": accuracy, "test_metrics1": args.test_metrics1})
    print(f"accuracy={accuracy:.3f}, model written to {args.job_dir}", flush=True)


if __name__ == "__main__":
    main()
