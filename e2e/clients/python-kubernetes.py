"""What a Python program does with the official client (Debian's python3-kubernetes), checked by its own assertions.

Usage: python-kubernetes.py KUBECONFIG. Ends with 0 when everything held.
"""

import json
import sys
import threading
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException


def eventually(what, check, seconds=30):
    until = time.monotonic() + seconds
    while True:
        try:
            found = check()
            if found:
                return found
        except ApiException as error:
            if time.monotonic() > until:
                raise
            found = error
        assert time.monotonic() < until, f"{what}: {found}"
        time.sleep(0.05)


def status_of(call):
    try:
        call()
    except ApiException as error:
        return error.status
    return 200


def objects_and_conflicts(core, ns):
    made = core.create_namespaced_config_map(
        ns, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "v"}, binary_data={"b": "AAE="})
    )
    assert made.metadata.managed_fields[0].manager == "OpenAPI-Generator"
    made.data["k"] = "w"
    core.replace_namespaced_config_map("a", ns, made)
    assert status_of(lambda: core.replace_namespaced_config_map("a", ns, made)) == 409
    assert core.patch_namespaced_config_map("a", ns, {"data": {"z": "1"}}).data == {"k": "w", "z": "1"}
    replaced = core.patch_namespaced_config_map("a", ns, [{"op": "replace", "path": "/data/z", "value": "2"}])
    assert replaced.data["z"] == "2"
    nameless = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "Bad_Name"}, "spec": {"containers": []}}
    assert status_of(lambda: core.create_namespaced_pod(ns, nameless)) == 422


def watch_and_pages(core, ns):
    seen = []
    version = core.list_namespaced_config_map(ns).metadata.resource_version

    def follow():
        for event in watch.Watch().stream(core.list_namespaced_config_map, ns, resource_version=version, timeout_seconds=30):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for name in ("m0", "m1", "m2"):
        core.create_namespaced_config_map(ns, client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name)))
    core.delete_namespaced_config_map("m0", ns)
    follower.join(60)
    assert seen == [("ADDED", "m0"), ("ADDED", "m1"), ("ADDED", "m2"), ("DELETED", "m0")], seen
    first = core.list_namespaced_config_map(ns, limit=2)
    rest = core.list_namespaced_config_map(ns, limit=100, _continue=first.metadata._continue)
    names = [item.metadata.name for item in first.items + rest.items]
    assert names == ["a", "kube-root-ca.crt", "m1", "m2"], names


def workloads(core, apps, ns):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    made = apps.create_namespaced_deployment(ns, deployment)
    assert (made.spec.strategy.type, made.spec.progress_deadline_seconds) == ("RollingUpdate", 600)
    assert apps.patch_namespaced_deployment_scale("web", ns, {"spec": {"replicas": 3}}).spec.replicas == 3
    eventually("three pods", lambda: len(core.list_namespaced_pod(ns, label_selector="a=b").items) == 3)
    eventually("an event", lambda: core.list_namespaced_event(ns, field_selector="reason=ScalingReplicaSet").items)


def the_dynamic_client(ns):
    deployments = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="apps/v1", kind="Deployment")
    assert [item.metadata.name for item in deployments.get(namespace=ns).items] == ["web"]
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"applied": "yes"}}}
    answer = deployments.server_side_apply(
        body=json.dumps(applied), name="web", namespace=ns, field_manager="python", force_conflicts=True
    )
    assert answer.metadata.labels.applied == "yes"


def main():
    config.load_kube_config(sys.argv[1])
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    ns = core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(generate_name="python-"))).metadata.name
    eventually("the default service account", lambda: core.read_namespaced_service_account("default", ns))
    objects_and_conflicts(core, ns)
    eventually("the root CA", lambda: core.read_namespaced_config_map("kube-root-ca.crt", ns))
    watch_and_pages(core, ns)
    workloads(core, apps, ns)
    the_dynamic_client(ns)
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": ns}}}
    assert client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed
    core.delete_collection_namespaced_config_map(ns, label_selector="!app")
    core.delete_namespace(ns)
    eventually("the end of the namespace", lambda: status_of(lambda: core.read_namespace(ns)) == 404)


main()
