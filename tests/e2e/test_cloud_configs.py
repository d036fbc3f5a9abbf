"""The cloud's configurations as they stand, on machines that an administrator has mapped."""

import os
import unittest

from engine import Case

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
CLOUD = os.path.join(EXAMPLES, "cloud")


class CloudConfigs(Case):
    needs = ("pods", "volumes")

    def setUp(self):
        super().setUp()
        # The files name gs://demo-bucket; each test has a bucket of that name in its own namespace only while it runs.
        self.engine.kubectl("apply", "-f", os.path.join(EXAMPLES, "machines.yaml"))
        self.apply({"apiVersion": "masu.dev/v1alpha1", "kind": "Bucket", "metadata": {"name": "demo-bucket"}, "spec": {}})
        self.kubectl("ai-platform", "init")

    def tearDown(self):
        # The objects of a bucket stay behind it, and are handed on to no other namespace.
        self.engine.run("masu", "storage", "rm", "-r", "gs://demo-bucket/", check=False)
        self.engine.run("kubectl", "delete", "bucket", "demo-bucket", "-n", self.namespace, check=False)
        self.engine.kubectl("delete", "-f", os.path.join(EXAMPLES, "machines.yaml"), "--ignore-not-found")
        super().tearDown()

    def submit(self, job, config):
        return self.engine.run("kubectl", "ai-platform", "jobs", "submit", "training", job, "-n", self.namespace,
                               "--package-path", "./trainer", "--config", config, "--stream-logs", cwd=CLOUD, timeout=300)

    def test_train_v100(self):
        done = self.submit("demo-model-20260101-120000", "train-v100.yaml")
        self.assertIn("state: SUCCEEDED", done.stdout)
        self.assertIn("there is no such GPU here", done.stderr)
        self.assertIn("'test_arg1': 'test1'", done.stderr)
        self.assertIn('"accuracy"', self.engine.run("masu", "storage", "cat", "gs://demo-bucket/demo-job/model.json").stdout)

    def test_tune_bayesian(self):
        done = self.submit("demo-model-20260101-130000", "tune-bayesian.yaml")
        self.assertIn("state: SUCCEEDED", done.stdout)
        trials = self.get("trials")["items"]
        self.assertEqual(len(trials), 30)
        points = {t["spec"]["parameterAssignments"][0]["value"] for t in trials}
        self.assertEqual(len(points), 30, "never the same point twice")


if __name__ == "__main__":
    unittest.main()
