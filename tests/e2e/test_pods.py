"""Pods, Jobs, volumes and logs."""

import unittest

from engine import Case


class Pods(Case):
    def test_runs_to_its_end_and_leaves_a_log(self):
        self.apply(self.pod("hello", "echo hello; echo trouble >&2; exit 0"))
        self.eventually(lambda: self.phase("hello") == "Succeeded", "the pod succeeds")
        log = self.kubectl("logs", "hello")
        self.assertIn("hello", log)
        self.assertIn("trouble", log)

    def test_exit_code_is_told(self):
        self.apply(self.pod("bad", "exit 3"))
        self.eventually(lambda: self.phase("bad") == "Failed", "the pod fails")
        state = self.get("pod", "bad")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((state["exitCode"], state["reason"]), (3, "Error"))

    def test_logs_can_be_followed(self):
        self.apply(self.pod("count", "for i in 1 2 3; do echo line $i; sleep 0.3; done"))
        self.eventually(lambda: self.phase("count") in ("Running", "Succeeded"), "the pod runs")
        self.assertEqual(self.kubectl("logs", "-f", "count").splitlines(), ["line 1", "line 2", "line 3"])
        self.assertEqual(self.kubectl("logs", "count", "--tail=1").splitlines(), ["line 3"])

    def test_init_containers_run_first_and_in_order(self):
        step = lambda n: {"name": f"init{n}", "image": self.engine.image, "imagePullPolicy": "Never",
                          "command": ["sh", "-c", f"echo {n} >> /shared/order"], "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
        pod = self.pod("ordered", "cat /shared/order", initContainers=[step(1), step(2)], volumes=[{"name": "shared", "emptyDir": {}}])
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "shared", "mountPath": "/shared"}]
        self.apply(pod)
        self.eventually(lambda: self.phase("ordered") == "Succeeded", "the pod succeeds")
        self.assertEqual(self.kubectl("logs", "ordered").split(), ["1", "2"])

    def test_environment_comes_from_everywhere(self):
        self.kubectl("create", "configmap", "conf", "--from-literal=COLOR=red")
        self.kubectl("create", "secret", "generic", "key", "--from-literal=TOKEN=s3cret")
        pod = self.pod("env", "echo $COLOR $TOKEN $NAME $BOTH")
        pod["spec"]["containers"][0]["env"] = [
            {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "COLOR"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "key", "key": "TOKEN"}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "BOTH", "value": "$(COLOR)-$(NAME)"}]
        self.apply(pod)
        self.eventually(lambda: self.phase("env") == "Succeeded", "the pod succeeds")
        self.assertEqual(self.kubectl("logs", "env").strip(), "red s3cret env red-env")

    def test_deleting_a_running_pod_ends_it(self):
        self.apply(self.pod("sleeper", "trap 'exit 0' TERM; while :; do sleep 0.1; done"))
        self.eventually(lambda: self.phase("sleeper") == "Running", "the pod runs")
        self.kubectl("delete", "pod", "sleeper", "--timeout=30s")

    def test_no_node_can_run_it_and_the_pod_says_why(self):
        pod = self.pod("huge", "true")
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100000"}}
        self.apply(pod)

        def reason():
            for condition in self.get("pod", "huge")["status"].get("conditions", []):
                if condition["type"] == "PodScheduled" and condition["status"] == "False":
                    return condition["message"]
        self.assertIn("Insufficient cpu", self.eventually(reason, "the pod is told unschedulable"))


class Jobs(Case):
    def job(self, name, command, **spec):
        template = self.pod(name, command)
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
                "spec": {"template": {"spec": template["spec"]}, **spec}}

    def test_completes(self):
        self.apply(self.job("three", "echo done", completions=3, parallelism=2))
        self.kubectl("wait", "--for=condition=complete", "job/three", "--timeout=60s")
        self.assertEqual(self.get("job", "three")["status"]["succeeded"], 3)

    def test_fails_after_its_retries(self):
        self.apply(self.job("never", "exit 1", backoffLimit=0))
        self.kubectl("wait", "--for=condition=failed", "job/never", "--timeout=60s")
        self.assertEqual(len(self.get("pods", "-l", "job-name=never")["items"]), 1)

    def test_its_pods_go_with_it(self):
        self.apply(self.job("gone", "true"))
        self.kubectl("wait", "--for=condition=complete", "job/gone", "--timeout=60s")
        self.kubectl("delete", "job", "gone")
        self.eventually(lambda: not self.get("pods")["items"], "the pods are collected")


class Volumes(Case):
    needs = ("pods", "volumes")

    def test_a_claim_keeps_what_was_written(self):
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                 "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
        def pod(name, command):
            made = self.pod(name, command, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
            made["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
            return made
        self.apply(claim, pod("writer", "echo kept > /data/file"))
        self.eventually(lambda: self.phase("writer") == "Succeeded", "the writer succeeds")
        self.kubectl("delete", "pod", "writer")
        self.apply(pod("reader", "cat /data/file"))
        self.eventually(lambda: self.phase("reader") == "Succeeded", "the reader succeeds")
        self.assertEqual(self.kubectl("logs", "reader").strip(), "kept")
        self.assertEqual(self.get("pvc", "data")["status"]["phase"], "Bound")


if __name__ == "__main__":
    unittest.main()
