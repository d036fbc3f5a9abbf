"""The cluster under test: somebody's by kubeconfig, or an embedded one started for the run.

No test knows which it is. A test names what it needs (`needs("containers")`) and is skipped, with the reason, where that
is missing.

Environment:
  MASU_BIN          folder of masu's programs (required)
  MASU_E2E_KUBECONFIG   a cluster that is already there; absent: `masu up` in a folder of its own
  MASU_E2E_IMAGE    an image with sh and python3 on that cluster (default: host, the embedded engine's own)
  MASU_E2E_KUBECTL  the kubectl to use (default: the one on the PATH)
"""

import atexit
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

BIN = os.environ["MASU_BIN"]
KUBECTL = os.environ.get("MASU_E2E_KUBECTL", "kubectl")


class Engine:
    """How to reach the cluster, and what it has. With `listen`: one of one's own, whose ports stay over a restart."""

    def __init__(self, listen=None):
        self.env = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])
        self.given = None if listen else os.environ.get("MASU_E2E_KUBECONFIG")
        self.listen = listen or ["--listen", "127.0.0.1:0"]
        self.folder = tempfile.mkdtemp(prefix="masu-e2e-")
        self.image = os.environ.get("MASU_E2E_IMAGE", "host")
        if self.given:
            self.start_services()
        else:
            self.data = os.path.join(self.folder, "data")
            self.up()
        atexit.register(self.stop)
        self.facts = self.look()

    def up(self):
        self.run(BIN + "/masu", "up", "--detach", "--data", self.data, *self.listen)
        self.take_env(["--data", self.data])

    def down(self, *words):
        self.run(BIN + "/masu", "down", "--data", self.data, *words)

    def start_services(self):
        """masu's services beside a cluster of somebody else's."""
        self.data = os.path.join(self.folder, "data")
        self.env["KUBECONFIG"] = self.given
        ready = os.path.join(self.folder, "ready")
        self.log = open(os.path.join(self.folder, "controller.log"), "w")
        self.services = subprocess.Popen(
            [BIN + "/masu", "controller", "--kubeconfig", self.given, "--data", self.data, "--advertise",
             os.environ.get("MASU_E2E_ADVERTISE", "127.0.0.1"), "--ready-file", ready], env=self.env, stderr=self.log)
        for _ in range(600):
            if os.path.exists(ready):
                break
            if self.services.poll() is not None:
                raise RuntimeError("masu controller ended: " + open(self.log.name).read())
            time.sleep(0.1)
        hub = json.loads(self.kubectl("get", "configmap", "masu-public", "-n", "masu-system", "-o", "json"))["data"]["hub"]
        # The tests read buckets as somebody with a token: a kubeconfig may have only certificates.
        for made in (["serviceaccount", "masu-e2e", "-n", "masu-system"],
                     ["clusterrolebinding", "masu-e2e", "--clusterrole=edit", "--serviceaccount=masu-system:masu-e2e"]):
            self.kubectl("apply", "-f", "-", stdin=self.kubectl("create", *made, "--dry-run=client", "-o", "yaml"))
        token = self.kubectl("create", "token", "masu-e2e", "-n", "masu-system").strip()
        self.env["STORAGE_EMULATOR_HOST"] = f"{hub}/t/{token}"

    def take_env(self, options):
        text = subprocess.run([BIN + "/masu", "env", *options], check=True, env=self.env, capture_output=True, text=True).stdout
        shown = subprocess.run(["sh", "-c", text + "\nenv -0"], check=True, env=self.env, capture_output=True, text=True).stdout
        self.env.update(dict(line.split("=", 1) for line in shown.split("\0") if "=" in line))

    def stop(self):
        atexit.unregister(self.stop)
        if self.given:
            self.services.terminate()
            self.services.wait(30)
        else:
            subprocess.run([BIN + "/masu", "down", "--data", self.data], env=self.env)
        if os.environ.get("MASU_E2E_KEEP"):
            print("kept:", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def look(self):
        """What this cluster has; each fact with the reason why not."""
        node = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        if not node:
            return {"containers": "the cluster has no node", "volumes": "the cluster has no node", "pods": "the cluster has no node"}
        facts = {"pods": None, "containers": None, "volumes": None}
        runtime = node[0]["status"]["nodeInfo"]["containerRuntimeVersion"]
        if runtime.startswith("process"):
            facts["containers"] = "pods are plain processes here"
        classes = json.loads(self.kubectl("get", "storageclasses", "-o", "json"))["items"]
        if not classes:
            facts["volumes"] = "there is no storage class"
        return facts

    def run(self, *words, check=True, stdin=None, cwd=None, timeout=120):
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, input=stdin, cwd=cwd, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def kubectl(self, *words, **options):
        return self.run(KUBECTL, *words, **options).stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


_engine = None


def engine():
    global _engine
    if _engine is None:
        _engine = Engine()
    return _engine


class Case(unittest.TestCase):
    """A test in a namespace of its own."""

    needs = ("pods",)

    def setUp(self):
        self.engine = getattr(self, "own", None) or engine()
        for need in self.needs:
            if self.engine.facts.get(need):
                self.skipTest(self.engine.facts[need])
        words = self.id().split(".")[-2:]
        self.namespace = "e2e-" + "-".join(words).lower().replace("test_", "").replace("_", "-")[:40].strip("-")
        self.engine.kubectl("create", "namespace", self.namespace)
        self.eventually(lambda: self.engine.run(KUBECTL, "get", "serviceaccount", "default", "-n", self.namespace, check=False).returncode == 0,
                        "a new namespace has its ServiceAccount")

    def tearDown(self):
        self.engine.run(KUBECTL, "delete", "namespace", self.namespace, "--wait=false", check=False)

    def kubectl(self, *words, **options):
        # The namespace goes behind the words, where the plugin takes it too.
        cut = words.index("--") if "--" in words else len(words)
        return self.engine.kubectl(*words[:cut], "-n", self.namespace, *words[cut:], **options)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.kubectl("apply", "-f", "-", stdin=text)

    def eventually(self, true, what, seconds=60):
        until = time.monotonic() + seconds
        pause = 0.05  # each look is a program or two, on a machine that has other work to do
        while True:
            value = true()
            if value:
                return value
            if time.monotonic() > until:
                self.fail(f"not within {seconds} s: {what}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def pod(self, name, command, **spec):
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"restartPolicy": "Never", "containers": [
                    {"name": "main", "image": self.engine.image, "imagePullPolicy": "Never", "command": ["sh", "-c", command]}], **spec}}

    def phase(self, name):
        return self.get("pod", name)["status"].get("phase")
