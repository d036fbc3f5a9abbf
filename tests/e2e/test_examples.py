"""The examples, with the words of their README files."""

import os
import shutil
import tempfile
import unittest

from training import HERE, TrainingCase

EXAMPLES = os.path.normpath(os.path.join(HERE, "..", "..", "examples"))


class Examples(TrainingCase):
    needs = ("pods", "volumes", "containers")

    def setUp(self):
        if os.environ.get("MASU_E2E_KUBECONFIG"):
            self.skipTest("its image is built on the machine of masu up")
        super().setUp()

    def build(self, name, *words):
        done = self.engine.run("masu", "image", "build", name, *words, check=False, timeout=500)
        if done.returncode != 0 and "--pip" in words:
            self.skipTest(f"the image {name} cannot be built here: {done.stderr.strip()[-400:]}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def submit_example(self, job, *words):
        self.kubectl("ai-platform", "jobs", "submit", "training", job, "--region", "us-central1", "--job-dir", f"gs://{self.bucket}/{job}", *words)

    def test_own_image(self):
        folder = os.path.join(EXAMPLES, "own-image")
        copied = os.path.join(tempfile.mkdtemp(dir=self.engine.folder), "program")
        shutil.copytree(os.path.join(folder, "program"), copied)
        self.build("line", "--from", "host", "--copy", f"{copied}:/opt/line")
        again = self.build("line", "--from", "host", "--copy", f"{copied}:/opt/line")
        self.assertIn("is there already", again.stderr)
        self.submit_example("line_1", "--config", os.path.join(folder, "config.yaml"))
        self.ends_as("line_1", "SUCCEEDED", 180)
        best = self.describe("line_1", "trainingOutput.trials[0].trialId")
        self.assertIn("slope", self.read(f"gs://{self.bucket}/line_1/{best}/model/line.json"))
        losses = [float(self.describe("line_1", f"trainingOutput.trials[{n}].finalMetric.objectiveValue")) for n in range(4)]
        self.assertEqual(losses, sorted(losses), "the best comes first")

        with open(os.path.join(copied, "more.txt"), "w") as out:
            out.write("a change of the content is a new image")
        self.assertNotIn("is there already", self.build("line", "--from", "host", "--copy", f"{copied}:/opt/line").stderr)

    def test_digits(self):
        if not os.environ.get("MASU_E2E_SLOW"):
            self.skipTest("builds an image of packages from the network: MASU_E2E_SLOW=1")
        folder = os.path.join(EXAMPLES, "digits")
        self.build("digits", "--from", "host", "--pip", "scikit-learn", "--pip", "google-cloud-storage", "--pip", "cloudml-hypertune")
        self.engine.kubectl("apply", "-f", os.path.join(folder, "catalog.yaml"))
        self.submit_example("digits_1", "--package-path", os.path.join(folder, "trainer"), "--module-name", "trainer.task",
                            "--config", os.path.join(folder, "train.yaml"))
        self.ends_as("digits_1", "SUCCEEDED", 300)
        self.assertIn("accuracy", self.read(f"gs://{self.bucket}/digits_1/about.json"))


if __name__ == "__main__":
    unittest.main()
