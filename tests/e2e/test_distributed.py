"""Jobs of several replicas, and the kinds that the label `framework` asks for."""

import json
import unittest

from training import TrainingCase

SEVERAL = ["--scale-tier", "custom", "--master-machine-type", "n1-standard-4", "--worker-machine-type", "n1-standard-4", "--worker-count", "2"]


class Distributed(TrainingCase):
    def logs(self, kind):
        """What each replica said, by the type and number that its labels give."""
        out = {}
        for pod in self.get("pods", "-l", "training.kubeflow.org/job-name=" + kind)["items"]:
            labels = pod["metadata"]["labels"]
            out[labels["training.kubeflow.org/replica-type"], int(labels["training.kubeflow.org/replica-index"])] = self.kubectl("logs", pod["metadata"]["name"])
        return out

    def environment(self, log, name):
        return json.loads(next(line for line in log.splitlines() if line.startswith(name + " ")).split(" ", 1)[1])

    def test_tensorflow(self):
        self.submit("several", "--labels", "framework=tensorflow", *SEVERAL, "--", "--show", "TF_CONFIG")
        self.ends_as("several", "SUCCEEDED")
        self.assertEqual(self.get("tfjob", "several")["status"]["conditions"][-1]["type"], "Succeeded")
        logs = self.logs("several")
        self.assertEqual(sorted(logs), [("chief", 0), ("worker", 0), ("worker", 1)])
        for (kind, index), log in logs.items():
            config = self.environment(log, "TF_CONFIG")
            self.assertEqual((config["task"]["type"], config["task"]["index"]), (kind, index))
            self.assertEqual({k: len(v) for k, v in config["cluster"].items()}, {"chief": 1, "worker": 2})

    def test_pytorch(self):
        self.submit("torch", "--labels", "framework=pytorch", *SEVERAL, "--", "--show", "RANK")
        self.ends_as("torch", "SUCCEEDED")
        self.assertEqual(self.get("pytorchjob", "torch")["status"]["conditions"][-1]["type"], "Succeeded")
        ranks = sorted(self.environment(log, "RANK") for log in self.logs("torch").values())
        self.assertEqual(ranks, [0, 1, 2])

    def test_tuning_of_tfjobs(self):
        config = """
trainingInput:
  hyperparameters:
    goal: MAXIMIZE
    hyperparameterMetricTag: score
    maxTrials: 2
    params:
      - {parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1}
"""
        self.submit("tuned", "--labels", "framework=tensorflow", config=config)
        self.ends_as("tuned", "SUCCEEDED", 180)
        self.assertEqual(len(self.get("tfjobs")["items"]), 2)
        x = float(self.describe("tuned", "trainingOutput.trials[0].hyperparameters.x"))
        self.assertAlmostEqual(float(self.describe("tuned", "trainingOutput.trials[0].finalMetric.objectiveValue")), 1 - (x - 0.3) ** 2, places=6)


if __name__ == "__main__":
    unittest.main()
