/**
 * What a pod's spec says where the client said nothing, as the API defaults it. Changes the spec in place; idempotent.
 *
 * Some defaults are a Pod's alone and not a template's: a template keeps what the user wrote, so that a rule which changes later
 * also holds for pods made from it.
 */
import type { Container, PodSpec, Volume } from '../types.ts';
import { defaultContainer, defaultRequestsFromLimits } from './container.ts';
import { canonicalResources, isZeroQuantity } from './resource-list.ts';
import { addQuantities, formatQuantity, parseQuantity, tryParseQuantity } from '../quantity.ts';
import { defaultVolume } from './volume.ts';

/** For a pod template: the spec inside Deployments, ReplicaSets and the like. */
export function defaultPodTemplateSpec(spec: PodSpec): void {
  defaultPodSpec(spec);
}

/** For a Pod itself. */
export function defaultPodSpecOfPod(spec: PodSpec): void {
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const container of spec.containers ?? []) defaultRequestsFromLimits(container);
  for (const container of spec.initContainers ?? []) defaultRequestsFromLimits(container);
  if (spec.resources) defaultPodLevelRequests(spec);
  if (spec.hostNetwork) {
    for (const container of spec.containers ?? []) defaultHostPorts(container);
    for (const container of spec.initContainers ?? []) defaultHostPorts(container);
  }
}

function defaultPodSpec(spec: PodSpec): void {
  spec.restartPolicy ||= 'Always';
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.schedulerName ||= 'default-scheduler';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.securityContext ??= {};
  shareServiceAccountName(spec);
  dropFalse(spec);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  for (const volume of (spec.volumes as Volume[] | undefined) ?? []) defaultVolume(volume);
  if (spec.resources) canonicalResources(spec.resources);
  if (spec.overhead) canonicalResources({ limits: spec.overhead });
}

/** `serviceAccount` is the old name of the field; both are there with one value. */
function shareServiceAccountName(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (name === undefined || name === '') return;
  if (spec.serviceAccountName !== name) spec.serviceAccountName = name;
  if (spec.serviceAccount !== name) spec.serviceAccount = name;
}

/** In the API's own form these are absent when false, so that false and absent are one state. */
function dropFalse(spec: PodSpec): void {
  if (spec.hostNetwork === false) delete spec.hostNetwork;
  if (spec.hostPID === false) delete spec.hostPID;
  if (spec.hostIPC === false) delete spec.hostIPC;
}

function defaultHostPorts(container: Container): void {
  for (const port of container.ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort;
}

const podLevelResources = new Set(['cpu', 'memory']);

/** What the pod as a whole requests: what its containers request together, else its limits. */
function defaultPodLevelRequests(spec: PodSpec): void {
  const { resources } = spec;
  if (!resources || !(resources.limits || resources.requests)) return;
  const requests: Record<string, string> = { ...resources.requests };
  for (const [name, amount] of Object.entries(containerRequests(spec))) {
    if (podLevelResources.has(name) && requests[name] === undefined && !isZeroQuantity(amount)) requests[name] = amount;
  }
  for (const [name, amount] of Object.entries(resources.limits ?? {})) requests[name] ??= amount;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

/** Of the ordinary containers and sidecars, which run at one time. */
export function containerRequests(spec: PodSpec): Record<string, string> {
  const sums: Record<string, string> = {};
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...(spec.containers ?? []), ...sidecars]) {
    for (const [name, amount] of Object.entries(container.resources?.requests ?? {})) {
      const parsed = tryParseQuantity(amount);
      if (!parsed) continue;
      const sum = sums[name];
      sums[name] = formatQuantity(sum === undefined ? parsed : addQuantities(parseQuantity(sum), parsed));
    }
  }
  return sums;
}
