"""The main line: a job file and a trainer package become a model in the bucket."""

import unittest

from training import TrainingCase


class Training(TrainingCase):
    def test_one_training(self):
        done = self.submit("single_1")
        self.assertIn("jobId: single_1", done.stdout)
        self.ends_as("single_1", "SUCCEEDED")
        self.assertEqual(self.read(f"gs://{self.bucket}/single_1/model.txt"), "0.5")
        self.assertIn("single_1", self.kubectl("ai-platform", "jobs", "list"))

    def test_logs_outlive_the_pods(self):
        self.submit("logged")
        self.ends_as("logged", "SUCCEEDED")
        self.kubectl("delete", "pods", "--all")
        log = self.kubectl("ai-platform", "jobs", "stream-logs", "logged")
        self.assertIn("mode ok x 0.5", log)
        self.assertIn("done", log)

    def test_tuning(self):
        config = """
trainingInput:
  hyperparameters:
    goal: MAXIMIZE
    hyperparameterMetricTag: score
    maxTrials: 4
    maxParallelTrials: 2
    params:
      - {parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1, scaleType: UNIT_LINEAR_SCALE}
"""
        self.submit("tuned", config=config)
        self.ends_as("tuned", "SUCCEEDED", 180)
        trials = self.get("trials")["items"]
        self.assertEqual(len(trials), 4)
        values = [float(t["status"]["observation"]["metrics"][0]["latest"]) for t in trials]
        best = float(self.describe("tuned", "trainingOutput.trials[0].finalMetric.objectiveValue"))
        self.assertAlmostEqual(best, max(values))
        for number in range(1, 5):
            self.assertTrue(self.read(f"gs://{self.bucket}/tuned/{number}/model.txt"))
        for claim in self.get("pvc")["items"]:
            self.assertEqual(claim["status"]["phase"], "Bound")

    def test_a_metric_that_never_comes_is_named(self):
        config = """
trainingInput:
  hyperparameters:
    goal: MAXIMIZE
    hyperparameterMetricTag: accuracy
    maxTrials: 1
    params:
      - {parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1}
"""
        self.submit("silent", "--", "--mode", "silent", config=config)
        self.ends_as("silent", "FAILED", 180)
        self.assertIn("accuracy", self.kubectl("ai-platform", "jobs", "describe", "silent"))

    def test_a_crash_is_final_and_told(self):
        self.submit("crash", "--", "--mode", "crash")
        self.ends_as("crash", "FAILED")
        self.assertIn("the trainer gives up", self.kubectl("ai-platform", "jobs", "stream-logs", "crash"))

    def test_cancel(self):
        self.submit("long", "--", "--mode", "sleep")
        self.eventually(lambda: self.describe("long", "state") == "RUNNING", "the job runs")
        self.kubectl("ai-platform", "jobs", "cancel", "long")
        self.ends_as("long", "CANCELLED")

    def test_delete_frees_the_name(self):
        self.submit("again")
        self.ends_as("again", "SUCCEEDED")
        taken = self.submit("again", check=False)
        self.assertEqual(taken.returncode, 1)
        self.assertIn("again", taken.stderr)
        self.kubectl("ai-platform", "jobs", "delete", "again", "--quiet")
        self.eventually(lambda: not self.get("pods")["items"] and not self.get("pvc")["items"], "its pods and claims are gone")
        self.submit("again")
        self.ends_as("again", "SUCCEEDED")

    def test_the_same_code_is_uploaded_once(self):
        first = self.submit("same1")
        self.ends_as("same1", "SUCCEEDED")
        listing = lambda: self.engine.run("masu", "storage", "ls", "-r", f"gs://{self.bucket}/").stdout
        before = listing().count("trainer-0.0.0.tar.gz")
        self.submit("same1b", "--staging-bucket", f"gs://{self.bucket}")
        self.submit("same1b2", "--dry-run=client", "-o", "yaml")
        self.assertEqual(before, 1, first.stderr)

    def test_what_nothing_here_can_run_is_refused(self):
        refused = self.submit("huge", "--scale-tier", "custom", "--master-machine-type", "n1-standard-16",
                              "--master-accelerator", "count=1,type=nvidia-tesla-v100", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("MachineType", refused.stderr)
        self.assertNotIn("huge", self.kubectl("ai-platform", "jobs", "list"))


if __name__ == "__main__":
    unittest.main()
