"""Jobs of several replicas, and the kinds that the label `framework` asks for."""

import json
import unittest

from training import TrainingCase

SEVERAL = ["--scale-tier", "custom", "--master-machine-type", "n1-standard-4", "--worker-machine-type", "n1-standard-4", "--worker-count", "2"]


class Distributed(TrainingCase):
    def shown(self, job, variable):
        """The variable in each replica, by type and number; once all have said it. (Replicas that run when the first one
        ends are ended.)"""
        out = {}
        for pod in self.get("pods", "-l", "training.kubeflow.org/job-name=" + job)["items"]:
            labels = pod["metadata"]["labels"]
            log = self.engine.run("kubectl", "logs", pod["metadata"]["name"], "-n", self.namespace, check=False).stdout
            for line in log.splitlines():
                if line.startswith(variable + " "):
                    out[labels["training.kubeflow.org/replica-type"], int(labels["training.kubeflow.org/replica-index"])] = json.loads(line.split(" ", 1)[1])
        return out if len(out) == 3 else None

    def test_tensorflow(self):
        self.submit("several", "--labels", "framework=tensorflow", *SEVERAL, "--", "--show", "TF_CONFIG", "--mode", "wait")
        shown = self.eventually(lambda: self.shown("several", "TF_CONFIG"), "all replicas run")
        self.assertEqual(sorted(shown), [("chief", 0), ("worker", 0), ("worker", 1)])
        for (kind, index), config in shown.items():
            self.assertEqual((config["task"]["type"], config["task"]["index"]), (kind, index))
            self.assertEqual({k: len(v) for k, v in config["cluster"].items()}, {"chief": 1, "worker": 2})
        self.go("several")
        self.ends_as("several", "SUCCEEDED")
        self.assertEqual(self.get("tfjob", "several")["status"]["conditions"][-1]["type"], "Succeeded")

    def test_pytorch(self):
        self.submit("torch", "--labels", "framework=pytorch", *SEVERAL, "--", "--show", "RANK", "--mode", "wait")
        shown = self.eventually(lambda: self.shown("torch", "RANK"), "all replicas run")
        self.assertEqual(sorted(shown.values()), [0, 1, 2])
        self.go("torch")
        self.ends_as("torch", "SUCCEEDED")
        self.assertEqual(self.get("pytorchjob", "torch")["status"]["conditions"][-1]["type"], "Succeeded")

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
