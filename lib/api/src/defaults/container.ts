import type { Container, EphemeralContainer, LifecycleHandler, Probe } from '../types.ts';
import { canonicalResources } from './resource-list.ts';

/** Of ordinary, init and ephemeral containers alike. */
export function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  canonicalResources(container.resources);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ||= '0';
  }
  if (container.livenessProbe) defaultProbe(container.livenessProbe);
  if (container.readinessProbe) defaultProbe(container.readinessProbe);
  if (container.startupProbe) defaultProbe(container.startupProbe);
  if (container.lifecycle?.postStart) defaultHttpGet(container.lifecycle.postStart);
  if (container.lifecycle?.preStop) defaultHttpGet(container.lifecycle.preStop);
  if (container.securityContext?.procMount === '') container.securityContext.procMount = 'Default';
}

/** `Always` for the tag `latest`, which is also what an image without tag and digest means. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  if (image === '' || image.includes('@')) return image.endsWith(':latest') ? 'Always' : 'IfNotPresent';
  const tag = image.slice(image.lastIndexOf('/') + 1).split(':')[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet({ httpGet }: LifecycleHandler): void {
  if (!httpGet) return;
  httpGet.path ||= '/';
  httpGet.scheme ||= 'HTTP';
}

/** What is limited and not requested is requested in full. */
export function defaultRequestsFromLimits({ resources }: Container): void {
  const limits = resources?.limits;
  if (!resources || !limits) return;
  for (const name of Object.keys(limits)) {
    const amount = limits[name];
    if (amount === undefined || resources.requests?.[name] !== undefined) continue;
    resources.requests ??= {};
    resources.requests[name] = amount;
  }
}
