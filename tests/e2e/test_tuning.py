"""Where metrics are read, and how the next point is chosen."""

import unittest

from training import TrainingCase


def tuning(params, trials, parallel=2, more=""):
    text = f"""
trainingInput:
  hyperparameters:
    goal: MAXIMIZE
    hyperparameterMetricTag: score
    maxTrials: {trials}
    maxParallelTrials: {parallel}
{more}
"""
    if params:
        text += "    params:\n" + "".join(f"      - {param}\n" for param in params)
    return text


ONE = ["{parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1, scaleType: UNIT_LINEAR_SCALE}"]


class Metrics(TrainingCase):
    def test_every_way_to_tell_a_metric(self):
        ways = {  # job: (collector, what the trainer does, with a job directory, the step of the last report)
            "from_file": ("file", "ok", True, "1"),
            "from_stdout": ("stdout", "stdout", True, "2"),
            "from_events": ("tfevent", "events", True, "2"),
            "found_in_stdout": ("auto", "stdout", True, "2"),
            "found_in_events": ("auto", "events", False, "2"),
        }
        for job, (collector, mode, job_dir, _) in ways.items():
            self.submit(job, "--metrics-collector", collector, "--", "--mode", mode, config=tuning(ONE, 1, 1), job_dir=job_dir)
        for job, (_, _, _, step) in ways.items():
            with self.subTest(job):
                self.ends_as(job, "SUCCEEDED")
                x = float(self.describe(job, "trainingOutput.trials[0].hyperparameters.x"))
                value = float(self.describe(job, "trainingOutput.trials[0].finalMetric.objectiveValue"))
                self.assertAlmostEqual(value, 1 - (x - 0.3) ** 2, places=6)
                self.assertEqual(self.describe(job, "trainingOutput.trials[0].finalMetric.trainingStep"), step)


class Search(TrainingCase):
    def assignments(self, job):
        return [{p["name"]: p["value"] for p in t["spec"]["parameterAssignments"]}
                for t in self.get("trials", "-l", f"masu.dev/job={job.replace('_', '-')}")["items"]]

    def test_kinds_of_parameters_and_a_job_that_goes_on(self):
        params = ["{parameterName: x, type: DOUBLE, minValue: 0.001, maxValue: 1, scaleType: UNIT_LOG_SCALE}",
                  "{parameterName: keep, type: DOUBLE, minValue: 0.9, maxValue: 0.999, scaleType: UNIT_REVERSE_LOG_SCALE}",
                  "{parameterName: layers, type: INTEGER, minValue: 1, maxValue: 4}",
                  "{parameterName: batch, type: DISCRETE, discreteValues: [16, 32.5, 64], scaleType: UNIT_LOG_SCALE}",
                  "{parameterName: shape, type: CATEGORICAL, categoricalValues: [round, two words]}"]
        self.submit("kinds", config=tuning(params, 3, 3, "    algorithm: RANDOM_SEARCH"))
        self.ends_as("kinds", "SUCCEEDED", 180)
        found = self.assignments("kinds")
        self.assertEqual(len(found), 3)
        log = self.kubectl("ai-platform", "jobs", "stream-logs", "kinds")
        for values in found:
            self.assertTrue(0.001 <= float(values["x"]) <= 1 and 0.9 <= float(values["keep"]) <= 0.999, values)
            self.assertIn(values["layers"], ("1", "2", "3", "4"))
            self.assertIn(values["batch"], ("16", "32.5", "64"))
            self.assertIn(values["shape"], ("round", "two words"))
            for name in ("keep", "layers", "batch", "shape"):
                self.assertIn(f"--{name}={values[name]}", log)

        self.submit("more", config=tuning([], 2, 2, "    resumePreviousJobId: kinds"))
        self.ends_as("more", "SUCCEEDED", 180)
        self.assertEqual([set(v) for v in self.assignments("more")], [{"x", "keep", "layers", "batch", "shape"}] * 2)

        self.submit("lost", config=tuning([], 2, 2, "    resumePreviousJobId: nowhere"))
        self.ends_as("lost", "FAILED")
        self.assertIn('there is no job "nowhere"', self.describe("lost", "errorMessage"))

    def test_a_grid_is_walked_once(self):
        self.submit("grid", config=tuning(["{parameterName: x, type: DISCRETE, discreteValues: [0.1, 0.2]}",
                                           "{parameterName: shape, type: CATEGORICAL, categoricalValues: [a, b]}"], 10, 4, "    algorithm: GRID_SEARCH"))
        self.ends_as("grid", "SUCCEEDED", 180)
        found = sorted((v["x"], v["shape"]) for v in self.assignments("grid"))
        self.assertEqual(found, [("0.1", "a"), ("0.1", "b"), ("0.2", "a"), ("0.2", "b")])

    def test_too_many_failures_end_the_job(self):
        self.submit("failing", "--", "--mode", "crash", config=tuning(ONE, 6, 1, "    maxFailedTrials: 2"))
        self.ends_as("failing", "FAILED", 180)
        self.assertEqual(len(self.assignments("failing")), 2)
        self.assertIn("2", self.describe("failing", "errorMessage"))


if __name__ == "__main__":
    unittest.main()
