"""What the tests of training jobs have in common."""

import os
import uuid

from engine import Case

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINER = os.path.join(HERE, "fixtures", "trainer")


class TrainingCase(Case):
    """A namespace with a bucket, and words to submit jobs and see how they end."""

    needs = ("pods", "volumes")

    def setUp(self):
        super().setUp()
        self.bucket = "e2e-" + uuid.uuid4().hex[:12]  # names of buckets are one space for all namespaces
        self.apply({"apiVersion": "masu.dev/v1alpha1", "kind": "Bucket", "metadata": {"name": self.bucket}, "spec": {}})
        self.kubectl("ai-platform", "init")

    def submit(self, job, *words, config=None, check=True, job_dir=True):
        command = ["kubectl", "ai-platform", "jobs", "submit", "training", job, "-n", self.namespace,
                   "--package-path", TRAINER, "--module-name", "trainer.task", "--region", "here",
                   "--runtime-version", "2.11", "--python-version", "3.7"]
        command += ["--job-dir", f"gs://{self.bucket}/{job}"] if job_dir else ["--staging-bucket", f"gs://{self.bucket}"]
        if config:
            path = os.path.join(self.engine.folder, job + ".yaml")
            with open(path, "w") as out:
                out.write(config)
            command += ["--config", path]
        return self.engine.run(*command, *words, check=check)

    def describe(self, job, wanted):
        return self.kubectl("ai-platform", "jobs", "describe", job, f"--format=value({wanted})").strip()

    def ends_as(self, job, state, seconds=120):
        ended = lambda: self.describe(job, "state") in ("SUCCEEDED", "FAILED", "CANCELLED")
        self.eventually(ended, f"{job} ends", seconds)
        self.assertEqual(self.describe(job, "state"), state, self.kubectl("ai-platform", "jobs", "describe", job))

    def read(self, url):
        return self.engine.run("masu", "storage", "cat", url).stdout

    def go(self, job):
        """Lets a trainer of the mode `wait` end."""
        path = os.path.join(self.engine.folder, "go")
        with open(path, "w") as out:
            out.write("go")
        self.engine.run("masu", "storage", "cp", path, f"gs://{self.bucket}/{job}/go")
