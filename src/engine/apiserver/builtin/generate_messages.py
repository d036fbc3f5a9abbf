#!/usr/bin/env python3
"""Writes messages.def from the published Go types of the Kubernetes API.

    python3 generate_messages.py [MODULES] > messages.def

MODULES is the folder that holds the modules k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver at the
version named below (`go mod download k8s.io/api@v0.30.4` and so on put them under `go env GOMODCACHE`/k8s.io). Only
facts are taken: names, numbers, types, merge keys. The format is explained at the head of messages.cc.
"""
import os
import re
import subprocess
import sys

VERSION = "v0.30.4"

# Where the types of a package stand, by the import path's end.
PACKAGES = {
    "core/v1": "api@{v}/core/v1", "apps/v1": "api@{v}/apps/v1", "batch/v1": "api@{v}/batch/v1",
    "coordination/v1": "api@{v}/coordination/v1", "rbac/v1": "api@{v}/rbac/v1", "storage/v1": "api@{v}/storage/v1",
    "scheduling/v1": "api@{v}/scheduling/v1", "networking/v1": "api@{v}/networking/v1", "policy/v1": "api@{v}/policy/v1",
    "discovery/v1": "api@{v}/discovery/v1", "events/v1": "api@{v}/events/v1",
    "authentication/v1": "api@{v}/authentication/v1", "authorization/v1": "api@{v}/authorization/v1",
    "autoscaling/v1": "api@{v}/autoscaling/v1", "admissionregistration/v1": "api@{v}/admissionregistration/v1",
    "meta/v1": "apimachinery@{v}/pkg/apis/meta/v1",
    "apiextensions/v1": "apiextensions-apiserver@{v}/pkg/apis/apiextensions/v1",
}

# Messages that are wanted for themselves; whatever they mention follows.
ROOTS = """
core/v1.Pod core/v1.PodTemplate core/v1.Namespace core/v1.Node core/v1.ConfigMap core/v1.Secret core/v1.Service core/v1.Endpoints
core/v1.ServiceAccount core/v1.Event core/v1.PersistentVolumeClaim core/v1.PersistentVolume core/v1.Binding
core/v1.ReplicationController core/v1.ResourceQuota core/v1.LimitRange core/v1.PodLogOptions core/v1.PodExecOptions
apps/v1.Deployment apps/v1.ReplicaSet apps/v1.StatefulSet apps/v1.DaemonSet apps/v1.ControllerRevision batch/v1.Job batch/v1.CronJob
coordination/v1.Lease rbac/v1.Role rbac/v1.ClusterRole rbac/v1.RoleBinding rbac/v1.ClusterRoleBinding
storage/v1.StorageClass storage/v1.CSINode storage/v1.CSIDriver scheduling/v1.PriorityClass
networking/v1.Ingress networking/v1.IngressClass networking/v1.NetworkPolicy discovery/v1.EndpointSlice events/v1.Event
policy/v1.Eviction policy/v1.PodDisruptionBudget autoscaling/v1.Scale autoscaling/v1.HorizontalPodAutoscaler
authentication/v1.TokenRequest authentication/v1.TokenReview authentication/v1.SelfSubjectReview
authorization/v1.SubjectAccessReview authorization/v1.SelfSubjectAccessReview authorization/v1.LocalSubjectAccessReview
authorization/v1.SelfSubjectRulesReview apiextensions/v1.CustomResourceDefinition
meta/v1.DeleteOptions meta/v1.Status meta/v1.ListMeta meta/v1.PartialObjectMetadata
admissionregistration/v1.MutatingWebhookConfiguration admissionregistration/v1.ValidatingWebhookConfiguration
""".split()

# Types with a form of their own (messages.cc): one letter each.
SPECIAL = {
    "resource.Quantity": "Q", "intstr.IntOrString": "I", "meta/v1.Time": "T", "meta/v1.MicroTime": "M",
    "meta/v1.Duration": "D", "meta/v1.FieldsV1": "R", "runtime.RawExtension": "R", "apiextensions/v1.JSON": "R",
    "apiextensions/v1.JSONSchemaPropsOrArray": "oa", "apiextensions/v1.JSONSchemaPropsOrBool": "ob",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "os",
}
SCALARS = {"string": "s", "bool": "b", "int32": "i", "int64": "l", "int": "i", "uint8": "i", "float64": "d", "[]byte": "B", "types.UID": "s"}


def strip(text):
    return re.sub(r"^\s*//", "", text).strip()


class Package:
    def __init__(self, name, folder):
        self.name, self.structs, self.aliases, self.imports = name, {}, {}, {}
        for file in sorted(os.listdir(folder)):
            if not re.fullmatch(r"(types.*|micro_time|time|duration)\.go", file):
                continue
            text = open(os.path.join(folder, file)).read()
            for alias, path in re.findall(r'^\s*(\w+)?\s*"((?:k8s\.io)[^"]+)"', text, re.M):
                self.imports[alias or path.rsplit("/", 1)[1]] = path
            for match in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
                self.structs[match[1]] = match[2]
            for match in re.finditer(r"^type (\w+) struct ?\{ *\}", text, re.M):
                self.structs[match[1]] = ""
            for match in re.finditer(r"^type (\w+) (\[\]\w+|map\[\w+\][\w.]+|[a-z]\w*)$", text, re.M):
                self.aliases[match[1]] = match[2]

    def qualify(self, written):
        """The full name of a type as this package writes it."""
        if "." not in written:
            return written if written in SCALARS or written in ("byte",) else f"{self.name}.{written}"
        alias, name = written.split(".")
        path = self.imports.get(alias, alias)
        if path.endswith("api/resource"):
            return "resource.Quantity"
        if path.endswith("util/intstr"):
            return "intstr.IntOrString"
        if path.endswith("pkg/runtime"):
            return "runtime." + name
        if path.endswith("pkg/types"):
            return "types.UID"
        return "/".join(path.split("/")[-2:]) + "." + name


def load(modules):
    return {name: Package(name, os.path.join(modules, path.format(v=VERSION))) for name, path in PACKAGES.items()}


class Generator:
    def __init__(self, packages):
        self.packages, self.done, self.out = packages, {}, []

    def type_code(self, package, written):
        """(code, message it mentions or None) of a Go type without pointer."""
        if written in SCALARS:
            return SCALARS[written], None
        if written.startswith("map["):
            value = re.match(r"map\[[^\]]+\]\*?(.*)", written)[1]
            code, message = self.type_code(package, value)
            return "{" + code, message
        if written.startswith("[]"):
            code, message = self.type_code(package, written[2:].lstrip("*"))
            return "[" + code, message
        full = package.qualify(written)
        if full in SPECIAL:
            return SPECIAL[full], ("apiextensions/v1.JSONSchemaProps" if full.startswith("apiextensions") and SPECIAL[full] != "R" else None)
        if full in SCALARS:
            return SCALARS[full], None
        owner, name = full.rsplit(".", 1)
        home = self.packages.get(owner)
        if home is None:
            raise SystemExit(f"{package.name}: no package for type {written} ({full})")
        if name in home.aliases:
            alias = home.aliases[name]
            if alias == "[]string" and name == "ExtraValue":
                return "X", None
            if alias.startswith("[]") and name == "Verbs":
                return "X", None
            return self.type_code(home, alias)
        if name not in home.structs:
            raise SystemExit(f"{package.name}: type {written} ({full}) is not in {owner}")
        return full, full

    def message(self, full):
        if full in self.done:
            return
        owner, name = full.rsplit(".", 1)
        package = self.packages[owner]
        self.done[full] = lines = []
        wanted, comment = [], []
        for line in package.structs[name].split("\n"):
            text = line.strip()
            if text.startswith("//"):
                comment.append(strip(text))
                continue
            match = re.match(r"(?:(\w+)\s+)?(\*?[\w.\[\]*]+(?:\[[^\]]+\][\w.*]+)?)\s+`([^`]*)`", text)
            if not match:
                if text == "":
                    comment = comment if comment else []
                continue
            written, tag = match[2], match[3]
            markers, comment = comment, []
            json = re.search(r'json:"([^"]*)"', tag)
            proto = re.search(r'protobuf:"([^"]*)"', tag)
            if not json or json[1] == "-":
                continue
            json_name, _, options = json[1].partition(",")
            if proto is None or proto[1] == "-":
                if full.endswith(("TypeMeta",)) or "inline" in options:
                    continue
                if full == "meta/v1.Status":
                    continue
                raise SystemExit(f"{full}: {json_name} has no protobuf number")
            number = re.match(r"\w+,(\d+)", proto[1])
            if number is None:
                continue
            pointer = written.startswith("*")
            code, mentioned = self.type_code(package, written.lstrip("*"))
            if mentioned and mentioned not in SPECIAL:
                wanted.append(mentioned)
            words = []
            if "inline" in options:
                words.append("^")
                json_name = "-"
            scalar = code in set("sildbB") or code == "R"
            if scalar and pointer:
                words.append("?")
            elif code in set("silb") and "omitempty" not in options and "inline" not in options:
                words.append("!")
            if code in ("T", "M", "D", "Q", "I") and not pointer and "omitempty" not in options:
                words.append("!")
            merge = re.search(r'patchStrategy:"([^"]*)"', tag)
            if merge:
                key = re.search(r'patchMergeKey:"([^"]*)"', tag)
                strategies = merge[1].split(",")
                if "merge" in strategies:
                    words.append("m=" + key[1] if key else "m")
                if "retainKeys" in strategies:
                    words.append("keep")
                if "replace" in strategies and code[0] not in "[{":
                    words.append("replace")
            kinds = [m.split("=", 1)[1] for m in markers if m.startswith(("+listType=", "+structType=", "+mapType="))]
            keys = [m.split("=", 1)[1] for m in markers if m.startswith("+listMapKey=")]
            for kind in kinds:
                if kind == "map" and keys:
                    words.append("k=" + ",".join(keys))
                elif kind == "set":
                    words.append("set")
                elif kind == "atomic" and code[0] != "[":
                    words.append("atomic")
            lines.append(" ".join([json_name, number[1], code] + words))
        if full in ATOMIC:
            lines.insert(0, "*atomic")
        if re.search(r"^\s*metav1\.TypeMeta\b|^\s*TypeMeta\b", package.structs[name], re.M):
            lines.insert(0, "*typed")
        for other in wanted:
            self.message(other)

    def print(self):
        print('R"def(')
        print("# Made by generate_messages.py from the published types, " + VERSION + ". Do not edit.")
        for full in sorted(self.done):
            print(f"@{full}")
            for line in self.done[full]:
                print(line)
        print(')def"')


# Messages that server-side apply owns as a whole wherever they stand.
ATOMIC = {"meta/v1.LabelSelector", "core/v1.ObjectReference", "core/v1.LocalObjectReference", "core/v1.NodeSelector",
          "core/v1.NodeSelectorTerm", "core/v1.TypedLocalObjectReference", "core/v1.ResourceFieldSelector",
          "core/v1.ObjectFieldSelector", "core/v1.SecretKeySelector", "core/v1.ConfigMapKeySelector",
          "core/v1.TopologySelectorTerm", "core/v1.ScopeSelector", "core/v1.SecretReference", "storage/v1.VolumeAttachmentSource",
          "rbac/v1.RoleRef", "rbac/v1.Subject"}


def main():
    if len(sys.argv) > 1:
        modules = sys.argv[1]
    else:
        modules = os.path.join(subprocess.check_output(["go", "env", "GOMODCACHE"], text=True).strip(), "k8s.io")
    generator = Generator(load(modules))
    for root in ROOTS:
        generator.message(root)
    generator.print()


main()
