"""Each kubectl that people have, with its own ways to talk: 1.20 is Debian 12's, from 1.32 on `create` sends protobuf.

All of them are tried with MASU_E2E_SLOW=1, else Debian 12's, the next and the newest.
MASU_E2E_KUBECTL_DIR names folders (with : between) with kubectl.1.27, kubectl.1.30 and so on; the Cloud SDK's is looked at too.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import unittest

from engine import Case

VERSIONS = ["1.20", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33"]
QUICK = ["1.20", "1.27", "1.33"]
FOLDERS = [f for f in os.environ.get("MASU_E2E_KUBECTL_DIR", "").split(":") if f] + ["/usr/lib/google-cloud-sdk/bin"]


def version_of(path):
    """1.30 for v1.30.13; of a dispatcher, which runs another: None."""
    done = subprocess.run([path, "version", "--client", "-o", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    told = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    return None if "dispatcher" in told else re.match(r"v(\d+\.\d+)", told)[1]


def find(version):
    for folder in FOLDERS:
        path = os.path.join(folder, "kubectl." + version)
        if os.access(path, os.X_OK):
            return path
    path = shutil.which("kubectl")
    return path if path and version_of(path) == version else None


class Versioned:
    """The lives of objects in the words of one kubectl."""

    version = None

    def setUp(self):
        if self.version not in QUICK and not os.environ.get("MASU_E2E_SLOW"):
            self.skipTest("only with MASU_E2E_SLOW=1")
        self.path = find(self.version)
        if not self.path:
            self.skipTest(f"there is no kubectl {self.version} on this machine (MASU_E2E_KUBECTL_DIR names a folder with kubectl.{self.version})")
        super().setUp()
        self.minor = int(self.version.split(".")[1])

    def try_kubectl(self, *words, stdin=None, env=None):
        cut = words.index("--") if "--" in words else len(words)
        return subprocess.run([self.path, *words[:cut], "-n", self.namespace, *words[cut:]], env=dict(self.engine.env, **(env or {})),
                              capture_output=True, text=True, input=stdin, timeout=120)

    def kubectl(self, *words, **options):
        done = self.try_kubectl(*words, **options)
        if done.returncode != 0:
            raise AssertionError(f"kubectl {self.version} {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_create(self):
        image = self.engine.image
        inner = self.namespace + "-in"
        commands = ["configmap c --from-literal=color=red", "secret generic s --from-literal=key=value", f"namespace {inner}", "serviceaccount robot",
                    f"deployment d --image={image} --replicas=0", "role r --verb=get,list --resource=pods", "rolebinding r --role=r --serviceaccount=default:robot",
                    "service clusterip web --tcp=80:8080", f"job j --image={image} -- true"]
        for command in commands:
            with self.subTest(command):
                words = command.split()
                self.kubectl("create", *words)
                kind, name = (words[0], words[2]) if words[0] in ("secret", "service") else (words[0], words[1])
                found = self.get(kind, name)
                self.assertEqual(found["metadata"]["name"], name)
                self.assertIn(name, self.kubectl("describe", kind, name))
                again = self.try_kubectl("create", *words)
                self.assertEqual(again.returncode, 1)
                self.assertIn("already exists", again.stderr)
        self.assertEqual(self.get("configmap", "c")["data"], {"color": "red"})
        self.assertEqual(self.get("secret", "s")["data"], {"key": "dmFsdWU="})
        self.assertEqual(self.get("deployment", "d")["spec"]["template"]["spec"]["containers"][0]["image"], image)
        self.assertEqual(self.get("role", "r")["rules"], [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])
        self.assertEqual(self.get("rolebinding", "r")["subjects"], [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}])
        if self.minor > 20:  # looks for the parameter in OpenAPI 2 paths, which are not served
            self.assertIn("configmap/dry created", self.kubectl("create", "configmap", "dry", "--dry-run=server"))
            self.assertNotIn("dry", self.kubectl("get", "configmaps", "-o", "name"))
        if self.minor >= 24:
            self.assertEqual(self.kubectl("create", "token", "robot", "--duration=10m").count("."), 2)
        self.kubectl("scale", "deployment", "d", "--replicas=0")
        self.kubectl("rollout", "status", "deployment/d", "--timeout=20s")
        self.kubectl("delete", "namespace", inner, "--timeout=60s")

    def test_change(self):
        self.kubectl("create", "configmap", "c", "--from-literal=color=red")
        self.kubectl("edit", "configmap", "c", env={"KUBE_EDITOR": "sed -i s/red/blue/"})
        self.assertEqual(self.get("configmap", "c")["data"], {"color": "blue"})
        self.kubectl("patch", "configmap", "c", "-p", '{"data":{"a":"1"}}')
        self.kubectl("patch", "configmap", "c", "--type=merge", "-p", '{"data":{"color":null}}')
        self.kubectl("patch", "configmap", "c", "--type=json", "-p", '[{"op":"replace","path":"/data/a","value":"2"}]')
        self.kubectl("label", "configmap", "c", "team=ml")
        refused = self.try_kubectl("label", "configmap", "c", "team=other")
        self.assertEqual(refused.returncode, 1)
        self.kubectl("label", "--overwrite", "configmap", "c", "team=other")
        self.kubectl("annotate", "configmap", "c", "note=some words")
        found = self.get("configmap", "c")
        self.assertEqual((found["data"], found["metadata"]["labels"], found["metadata"]["annotations"]["note"]), ({"a": "2"}, {"team": "other"}, "some words"))
        self.kubectl("label", "configmap", "c", "team-")
        found["metadata"].pop("resourceVersion")
        self.kubectl("replace", "-f", "-", stdin=json.dumps(dict(found, data={"b": "3"})))
        self.assertEqual(self.get("configmap", "c")["data"], {"b": "3"})
        self.assertEqual(self.kubectl("get", "configmap", "c", "-o", "jsonpath={.data.b}"), "3")
        self.assertIn("NAME", self.kubectl("get", "configmaps", "-o", "wide", "--show-labels", "--sort-by=.metadata.name"))
        self.kubectl("delete", "configmap", "-l", "team=other")
        self.assertNotIn("configmap/c\n", self.kubectl("get", "configmaps", "-o", "name"))
        self.assertIn("NotFound", self.try_kubectl("delete", "configmap", "c").stderr)

    def test_apply(self):
        objects = lambda color: json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"color": color}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {
                    "metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "main", "image": self.engine.image}]}}}}]})
        self.kubectl("apply", "-f", "-", stdin=objects("red"))
        self.assertEqual(self.kubectl("apply", "-f", "-", stdin=objects("red")).count("unchanged"), 2)
        if self.minor > 20:
            told = self.try_kubectl("diff", "-f", "-", stdin=objects("blue"))
            self.assertEqual(told.returncode, 1, told.stderr)
            self.assertIn("+  color: blue", told.stdout)
        self.assertIn("configmap/c configured", self.kubectl("apply", "-f", "-", stdin=objects("blue")))
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=objects("green"))
        self.assertEqual(self.get("configmap", "c")["data"], {"color": "green"})
        self.kubectl("set", "image", "deployment/d", "main=other:1")
        self.assertEqual(self.get("deployment", "d")["spec"]["template"]["spec"]["containers"][0]["image"], "other:1")

    def test_pods(self):
        self.kubectl("run", "talker", f"--image={self.engine.image}", "--image-pull-policy=Never", "--restart=Never", "--", "sh", "-c", "for i in 1 2 3; do echo line $i; done")
        self.eventually(lambda: self.phase("talker") in ("Running", "Succeeded"), "the pod runs")
        self.assertEqual(self.kubectl("logs", "-f", "talker").splitlines(), ["line 1", "line 2", "line 3"])
        if self.minor >= 23:
            self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/talker", "--timeout=60s")
        self.eventually(lambda: self.phase("talker") == "Succeeded", "the pod succeeds")
        self.assertIn("Completed", self.kubectl("get", "pods"))
        self.assertIn("Successfully assigned", self.kubectl("describe", "pod", "talker"))
        self.kubectl("create", "job", "j", f"--image={self.engine.image}", "--", "true")
        self.kubectl("wait", "--for=condition=complete", "job/j", "--timeout=60s")
        self.kubectl("delete", "pod/talker", "job/j")
        self.assertIn("Ready", self.kubectl("get", "nodes"))
        self.assertIn("Capacity", self.kubectl("describe", "nodes"))

    def test_watch(self):
        watch = subprocess.Popen([self.path, "get", "configmaps", "-w", "-o", "name", "-n", self.namespace], env=self.engine.env, stdout=subprocess.PIPE, text=True)
        try:
            seen = []
            reader = threading.Thread(target=lambda: seen.extend(iter(watch.stdout.readline, "configmap/seen\n")))
            reader.start()
            self.kubectl("create", "configmap", "seen")
            reader.join(30)
            self.assertFalse(reader.is_alive(), "the watch tells of a new object")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_questions(self):
        self.assertEqual(self.try_kubectl("auth", "can-i", "create", "pods").stdout.strip(), "yes")
        no = self.try_kubectl("auth", "can-i", "create", "pods", "--as=nobody")
        self.assertEqual((no.stdout.strip(), no.returncode), ("no", 1))
        self.assertIn("*.*", self.kubectl("auth", "can-i", "--list"))
        if self.minor >= 28:
            self.assertIn("Username", self.kubectl("auth", "whoami"))
        kinds = self.kubectl("api-resources", "-o", "name")
        for kind in ("pods", "deployments.apps", "trainingjobs.masu.dev", "experiments.kubeflow.org"):
            self.assertIn(kind + "\n", kinds)
        self.assertIn("batch/v1\n", self.kubectl("api-versions"))
        self.assertIn("Server Version", self.kubectl("version"))
        self.assertIn("running at", self.kubectl("cluster-info"))
        if self.minor >= 27:
            self.assertIn("restartPolicy", self.kubectl("explain", "pod.spec"))
            self.assertIn("trainingInput", self.kubectl("explain", "trainingjob.spec"))

    def test_plugin(self):
        self.assertIn("kubectl-ai_platform", self.try_kubectl("plugin", "list").stdout)
        done = self.try_kubectl("ai-platform", "jobs", "list")
        self.assertEqual(done.returncode, 0, done.stderr)


for _version in VERSIONS:
    _name = "Kubectl_" + _version.replace(".", "_")
    globals()[_name] = type(_name, (Versioned, Case), {"version": _version, "__module__": __name__})


if __name__ == "__main__":
    unittest.main()
