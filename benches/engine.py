#!/usr/bin/env python3
"""How fast the embedded engine is, and, if there is one, a cluster beside it. Prints tables in Markdown.

    benches/engine.py --bin build/release/bin                                     the engine alone
    benches/engine.py --bin ... --kubeconfig FILE --image IMAGE --advertise HOST  and a cluster with an image of sh and python3,
                                                                                  whose pods reach this machine as HOST
    --load PROGRAM   a load generator for creates: PROGRAM -mode create -c N -d SECONDS -url URL -token T (or -cert -key -ca),
                     prints JSON with per_s, p50_ms, p99_ms; without one, creates are measured with one Python client
    --pids PID,...   processes whose memory is the cluster's
    --rounds N       the two are measured in turns, N times (default 3); medians are printed

Figures are comparable only within one run: the two take turns on the same machine.
"""

import argparse
import base64
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import http.client
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINER = os.path.join(HERE, "..", "tests", "e2e", "fixtures", "trainer")

TUNING = """
trainingInput:
  hyperparameters:
    goal: MAXIMIZE
    hyperparameterMetricTag: score
    maxTrials: 5
    maxParallelTrials: 1
    params:
      - {parameterName: x, type: DOUBLE, minValue: 0, maxValue: 1, scaleType: UNIT_LINEAR_SCALE}
"""


class Cluster:
    """An API server by its kubeconfig, spoken to without kubectl: a process start is longer than most answers."""

    def __init__(self, kubeconfig, image, folder):
        self.kubeconfig, self.image = kubeconfig, image
        text = subprocess.run(["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json", "--kubeconfig", kubeconfig],
                              check=True, capture_output=True, text=True).stdout
        config = json.loads(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url, self.token = cluster["server"], user.get("token", "")
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self.load_words = ["-url", self.url]
        self.files = {}
        for flag, source, data in (("-ca", cluster, "certificate-authority-data"), ("-cert", user, "client-certificate-data"), ("-key", user, "client-key-data")):
            if data in source:
                path = os.path.join(folder, os.path.basename(kubeconfig) + flag)
                with open(path, "wb") as out:
                    out.write(base64.b64decode(source[data]))
                self.files[flag] = path
                self.load_words += [flag, path]
        if self.token:
            self.load_words += ["-token", self.token]
        if "-cert" in self.files:
            self.tls.load_cert_chain(self.files["-cert"], self.files["-key"])
        self.env = dict(os.environ, KUBECONFIG=kubeconfig)

    def connect(self):
        parts = urllib.parse.urlparse(self.url)
        return http.client.HTTPSConnection(parts.hostname, parts.port, context=self.tls, timeout=120)

    def ask(self, connection, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
        return connection.getresponse()

    def do(self, connection, method, path, body=None, may_fail=False):
        answer = self.ask(connection, method, path, body)
        text = answer.read()
        if answer.status >= 400 and not may_fail:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500].decode()}")
        return json.loads(text)

    def watch(self, path, deadline):
        """(time of arrival, object) of each event, until the caller ends it."""
        connection = self.connect()
        answer = self.ask(connection, "GET", path + ("&" if "?" in path else "?") + f"watch=true&timeoutSeconds={int(deadline)}")
        for line in answer:
            yield time.monotonic(), json.loads(line)["object"]

    def namespace(self, name):
        connection = self.connect()
        self.do(connection, "POST", "/api/v1/namespaces", {"metadata": {"name": name}}, may_fail=True)
        for _, account in self.watch(f"/api/v1/namespaces/{name}/serviceaccounts", 60):
            if account["metadata"]["name"] == "default":
                return

    def creates(self, load, clients, seconds):
        if load:
            text = subprocess.run([load, "-mode", "create", "-c", str(clients), "-d", str(seconds), "-warm", "1", *self.load_words],
                                  check=True, capture_output=True, text=True).stdout
            return json.loads(text.splitlines()[-1])
        self.namespace("load")
        connection, times, until = self.connect(), [], time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            self.do(connection, "POST", "/api/v1/namespaces/load/configmaps", {"metadata": {"generateName": "c-"}, "data": {"text": "x" * 1800}})
            times.append((time.monotonic() - began) * 1000)
        times.sort()
        return {"per_s": len(times) / seconds, "p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}

    def job(self, number):
        """Seconds from the creation of a Job that runs `true` until it is seen complete."""
        name = f"true-{os.getpid()}-{number}"
        connection = self.connect()
        began = time.monotonic()
        self.do(connection, "POST", "/apis/batch/v1/namespaces/bench/jobs", {
            "metadata": {"name": name}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "main", "image": self.image, "imagePullPolicy": "Never", "command": ["true"]}]}}}})
        for at, job in self.watch(f"/apis/batch/v1/namespaces/bench/jobs?fieldSelector=metadata.name%3D{name}", 60):
            if any(c["type"] == "Complete" and c["status"] == "True" for c in job.get("status", {}).get("conditions", [])):
                self.do(connection, "DELETE", f"/apis/batch/v1/namespaces/bench/jobs/{name}", {"propagationPolicy": "Background"})
                return at - began
        raise RuntimeError(f"{name} is not complete within a minute")

    def tuning(self, number, folder):
        """A tuning job of five trials, one after the other: (pauses between the end of one program and the start of the next, whole)."""
        name = f"tune{os.getpid()}x{number}"  # the same word for the user and for the object
        config = os.path.join(folder, "tuning.yaml")
        with open(config, "w") as out:
            out.write(TUNING)
        began_of, ended_of, over = {}, {}, threading.Event()

        def look():
            try:
                for at, pod in self.watch("/api/v1/namespaces/bench/pods?labelSelector=masu.dev%2Fjob%3D" + name, 600):
                    if over.is_set():
                        return
                    for status in pod.get("status", {}).get("containerStatuses", []):
                        if status["name"] == "training" and ("running" in status["state"] or "terminated" in status["state"]):
                            began_of.setdefault(pod["metadata"]["name"], at)
                        if status["name"] == "training" and "terminated" in status["state"]:
                            ended_of.setdefault(pod["metadata"]["name"], at)
            except OSError:
                return  # nothing happens any more: the job is over, or the wait for it says so

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        began = time.monotonic()
        subprocess.run(["kubectl", "ai-platform", "jobs", "submit", "training", name, "-n", "bench", "--package-path", TRAINER, "--module-name", "trainer.task",
                        "--region", "here", "--job-dir", f"gs://bench-masu/{name}", "--config", config], check=True, env=self.env, capture_output=True)
        path = f"/apis/masu.dev/v1alpha1/namespaces/bench/trainingjobs?fieldSelector=metadata.name%3D{name}"
        for at, job in self.watch(path, 600):
            if job.get("status", {}).get("state") in ("SUCCEEDED", "FAILED", "CANCELLED"):
                if job["status"]["state"] != "SUCCEEDED":
                    raise RuntimeError(json.dumps(job["status"]))
                break
        over.set()
        begins, ends = sorted(began_of.values()), sorted(ended_of.values())
        return [b - e for e, b in zip(ends, begins[1:])], at - began


def memory(pids):
    """PSS of processes in MiB."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as lines:
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass
    return total / 1024


def processes_of(data):
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as text:
                if data.encode() in text.read() and int(pid) != os.getpid():
                    out.append(int(pid))
        except OSError:
            pass
    return out


def up(masu, data):
    began = time.monotonic()
    subprocess.run([masu, "up", "--detach", "--data", data, "--listen", "127.0.0.1:0"], check=True, capture_output=True)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("bin", "kubeconfig", "image", "advertise", "load", "pids"):
        parser.add_argument("--" + option)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    masu = os.path.join(os.path.abspath(args.bin), "masu")
    os.environ["PATH"] = os.path.abspath(args.bin) + ":" + os.environ["PATH"]
    say = lambda text: print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="masu-bench-") as folder:
        starts, starts_again, stops = [], [], []
        for number in range(args.rounds):
            data = os.path.join(folder, f"start{number}")
            starts.append(up(masu, data))
            for _ in range(2):
                began = time.monotonic()
                subprocess.run([masu, "down", "--data", data], check=True, capture_output=True)
                stops.append(time.monotonic() - began)
                if _ == 0:
                    starts_again.append(up(masu, data))
        say("starts measured")
        data = os.path.join(folder, "data")
        up(masu, data)
        controller = None
        try:
            time.sleep(10)
            idle = memory(processes_of(data))
            engine = Cluster(os.path.join(data, "users", "admin.kubeconfig"), "host", folder)
            clusters = {"masu up": engine}
            if args.kubeconfig:
                idle_cluster = memory((args.pids or "").split(","))
                ready = os.path.join(folder, "ready")
                controller = subprocess.Popen([masu, "controller", "--kubeconfig", args.kubeconfig, "--data", os.path.join(folder, "beside"),
                                               "--advertise", args.advertise, "--ready-file", ready], stderr=subprocess.DEVNULL)
                while not os.path.exists(ready):
                    if controller.poll() is not None:
                        raise RuntimeError("masu controller ended")
                    time.sleep(0.1)
                clusters["the cluster"] = Cluster(args.kubeconfig, args.image, folder)
            for cluster in clusters.values():
                cluster.namespace("bench")
                subprocess.run(["kubectl", "ai-platform", "init", "-n", "bench", "--bucket", "bench-masu"], check=True, env=cluster.env, capture_output=True)
            rows = {}
            note = lambda what, who, value: rows.setdefault(what, {}).setdefault(who, []).append(value)
            for number in range(args.rounds):
                for who, cluster in clusters.items():
                    for clients in ((1, 16, 64) if args.load else (1,)):
                        found = cluster.creates(args.load, clients, 4)
                        note(f"creates of 2 KB ConfigMaps per second, {clients} clients", who, found["per_s"])
                        note(f"p99 of a create in ms, {clients} clients", who, found["p99_ms"])
                for who, cluster in clusters.items():
                    for repeat in range(3):
                        note("Job `true`: created to complete, s", who, cluster.job(number * 10 + repeat))
                for who, cluster in clusters.items():
                    pauses, whole = cluster.tuning(number, folder)
                    for pause in pauses:
                        note("end of a trial to start of the next program, s", who, pause)
                    note("tuning job of five trials in a row, s", who, whole)
                say(f"round {number + 1} of {args.rounds} done")
            busy = memory(processes_of(data))
        finally:
            if controller:
                controller.terminate()
                controller.wait(30)
            subprocess.run([masu, "down", "--data", data], capture_output=True)

    middle = lambda values: f"{statistics.median(values):.3g}" + (f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else "")
    names = list(clusters)
    print("| | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    print(f"| exec to ready, new folder, s | {middle(starts)} |" + " |" * (len(names) - 1))
    print(f"| exec to ready, kept folder, s | {middle(starts_again)} |" + " |" * (len(names) - 1))
    print(f"| memory 10 s after the start (PSS), MiB | {idle:.0f} |" + (f" {idle_cluster:.0f} |" if len(names) > 1 else ""))
    for what, values in rows.items():
        print(f"| {what} | " + " | ".join(middle(values[name]) for name in names) + " |")
    print(f"| memory after all of this (PSS), MiB | {busy:.0f} |" + " |" * (len(names) - 1))


main()
