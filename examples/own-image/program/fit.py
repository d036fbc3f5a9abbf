"""Fits a straight line to noisy points by gradient descent and writes it to --job-dir. Needs nothing but Python."""

import argparse
import json
import os
import random
import time
import urllib.parse
import urllib.request


def upload(url, text):
    """One object into the bucket. google-cloud-storage does the same where an image has it."""
    parts = urllib.parse.urlparse(url)
    name = urllib.parse.quote(parts.path.lstrip("/"), safe="")
    address = f"{os.environ['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{parts.netloc}/o?uploadType=media&name={name}"
    urllib.request.urlopen(urllib.request.Request(address, data=text.encode(), method="POST"), timeout=60).read()


def report(loss, step):
    """A line of the metric file, as hypertune writes it."""
    path = os.environ.get("CLOUD_ML_HP_METRIC_FILE", "/tmp/hypertune/output.metrics")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as out:
        out.write(json.dumps({"global_step": str(step), "loss": str(loss), "timestamp": time.time(), "trial": os.environ.get("CLOUD_ML_TRIAL_ID", "0")}) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", default=os.environ.get("JOB_DIR", ""))
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=100)
    args, _ = parser.parse_known_args()

    draw = random.Random(1)
    points = [(x / 50, 3 * x / 50 - 1 + draw.gauss(0, 0.05)) for x in range(100)]
    slope = offset = 0.0
    for step in range(1, args.steps + 1):
        errors = [slope * x + offset - y for x, y in points]
        slope -= args.learning_rate * 2 * sum(e * x for e, (x, _) in zip(errors, points)) / len(points)
        offset -= args.learning_rate * 2 * sum(errors) / len(points)
        if step % 20 == 0 or step == args.steps:
            loss = sum(e * e for e in errors) / len(errors)
            print(f"step {step} loss {loss:.5f}", flush=True)
            report(loss, step)
    directory = args.job_dir or os.environ.get("AIP_MODEL_DIR", "")
    if directory:
        upload(directory.rstrip("/") + "/line.json", json.dumps({"slope": slope, "offset": offset}))
        print(f"written to {directory}", flush=True)


if __name__ == "__main__":
    main()
