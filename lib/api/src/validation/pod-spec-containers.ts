import { dnsLabelProblems, portNameProblems, portNumberProblems } from '../names.ts';
import type { Container, EphemeralContainer, PodSpec } from '../types.ts';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  pushInvalid,
  required,
} from './field-error.ts';
import { validateRestart } from './pod-spec-restart.ts';
import { validateEnv, validateEnvFrom } from './pod-spec-env.ts';
import { validateLifecycle, validateProbes } from './pod-spec-handlers.ts';
import { validateDevices, validateMounts } from './pod-spec-mounts.ts';
import { validateResources } from './pod-spec-resources.ts';
import type { PodScope } from './pod-spec-scope.ts';
import { validateSecurityContext } from './pod-spec-security.ts';

const messagePolicies = ['File', 'FallbackToLogsOnError'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const resizableResources = ['cpu', 'memory'];
const resizePolicies = ['NotRequired', 'RestartContainer'];

export function validateContainers(
  errors: FieldError[],
  containers: readonly Container[],
  path: string,
  scope: PodScope,
): void {
  if (containers.length === 0) errors.push(required(path));
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  containers.forEach((container, i) => {
    const at = `${path}[${i}]`;
    validateContainer(errors, container, at, scope);
    const { name = '' } = container;
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (container.lifecycle) validateLifecycle(errors, container.lifecycle, `${at}.lifecycle`, scope);
    validateProbes(errors, container, at, scope);
    validateRestart(errors, container, at);
    validateHostPorts(errors, container, at, hostPorts);
  });
}

export function validateInitContainers(errors: FieldError[], spec: PodSpec, path: string, scope: PodScope): void {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  spec.initContainers?.forEach((container, i) => {
    const at = `${path}[${i}]`;
    validateContainer(errors, container, at, scope);
    const { name = '', restartPolicy } = container;
    validateRestart(errors, container, at);
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else if (name) names.add(name);
    // Init containers run one after the other: each has all ports to itself.
    validateHostPorts(errors, container, at, new Set());
    if (restartPolicy === 'Always') {
      if (container.lifecycle) validateLifecycle(errors, container.lifecycle, `${at}.lifecycle`, scope);
      validateProbes(errors, container, at, scope);
    } else {
      forbid(errors, container, onlyOfSidecars, at, 'may not be set for init containers without restartPolicy=Always');
    }
  });
}

const onlyOfSidecars = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const neverOfEphemeral = ['ports', ...onlyOfSidecars, 'resizePolicy', 'restartPolicy', 'restartPolicyRules'] as const;

export function validateEphemeralContainers(errors: FieldError[], spec: PodSpec, path: string, scope: PodScope): void {
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  const refusal = 'cannot be set for an Ephemeral Container';
  spec.ephemeralContainers?.forEach((container, i) => {
    const at = `${path}[${i}]`;
    validateContainer(errors, container, at, scope);
    const { name = '', targetContainerName, resources } = container;
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (targetContainerName && !others.has(targetContainerName)) {
      errors.push(notFound(`${at}.targetContainerName`, targetContainerName));
    }
    forbid(errors, container, neverOfEphemeral, at, refusal);
    if (resources && Object.keys(resources).length > 0) errors.push(forbidden(`${at}.resources`, refusal));
    container.volumeMounts?.forEach((mount, j) => {
      if (mount.subPath) errors.push(forbidden(`${at}.volumeMounts[${j}].subPath`, refusal));
      if (mount.subPathExpr) errors.push(forbidden(`${at}.volumeMounts[${j}].subPathExpr`, refusal));
    });
  });
}

function forbid(
  errors: FieldError[],
  container: Container | EphemeralContainer,
  fields: readonly (keyof Container)[],
  path: string,
  detail: string,
): void {
  for (const field of fields) {
    const value = container[field];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) {
      errors.push(forbidden(`${path}.${field}`, detail));
    }
  }
}

/** What holds for containers of all three kinds. */
function validateContainer(
  errors: FieldError[],
  container: Container | EphemeralContainer,
  path: string,
  scope: PodScope,
): void {
  const { name, image = '', resources, securityContext } = container;
  if (!name) errors.push(required(`${path}.name`));
  else pushInvalid(errors, `${path}.name`, name, dnsLabelProblems(name));
  if (image === '') errors.push(required(`${path}.image`));
  else if (scope.isPod && image.trim() !== image) {
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  const { terminationMessagePolicy, imagePullPolicy } = container;
  if (!terminationMessagePolicy) errors.push(required(`${path}.terminationMessagePolicy`));
  else if (!messagePolicies.includes(terminationMessagePolicy)) {
    errors.push(notSupported(`${path}.terminationMessagePolicy`, terminationMessagePolicy, messagePolicies));
  }
  if (container.ports) validatePorts(errors, container.ports, `${path}.ports`);
  if (container.env) validateEnv(errors, container.env, `${path}.env`);
  if (container.envFrom) validateEnvFrom(errors, container.envFrom, `${path}.envFrom`);
  if (container.volumeMounts) validateMounts(errors, container, `${path}.volumeMounts`, scope);
  if (container.volumeDevices) validateDevices(errors, container, `${path}.volumeDevices`, scope);
  if (!imagePullPolicy) errors.push(required(`${path}.imagePullPolicy`));
  else if (!pullPolicies.includes(imagePullPolicy)) {
    errors.push(notSupported(`${path}.imagePullPolicy`, imagePullPolicy, pullPolicies));
  }
  if (resources) validateResources(errors, resources, `${path}.resources`, scope);
  if (container.resizePolicy) validateResizePolicy(errors, container.resizePolicy, `${path}.resizePolicy`, scope);
  if (securityContext) validateSecurityContext(errors, securityContext, `${path}.securityContext`, scope);
}

type Ports = NonNullable<Container['ports']>;

function validatePorts(errors: FieldError[], ports: Ports, path: string): void {
  const names = new Set<string>();
  ports.forEach(({ name, containerPort, hostPort, protocol }, i) => {
    const at = `${path}[${i}]`;
    if (name) {
      const problems = portNameProblems(name);
      pushInvalid(errors, `${at}.name`, name, problems);
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (!containerPort) errors.push(required(`${at}.containerPort`));
    else pushInvalid(errors, `${at}.containerPort`, containerPort, portNumberProblems(containerPort));
    if (hostPort) pushInvalid(errors, `${at}.hostPort`, hostPort, portNumberProblems(hostPort));
    if (!protocol) errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
  });
}

function validateHostPorts(errors: FieldError[], { ports }: Container, path: string, taken: Set<string>): void {
  ports?.forEach(({ hostPort, hostIP = '', protocol }, i) => {
    if (!hostPort) return;
    const endpoint = `${protocol}/${hostIP}/${hostPort}`;
    if (taken.has(endpoint)) errors.push(duplicate(`${path}.ports[${i}].hostPort`, endpoint));
    taken.add(endpoint);
  });
}

type ResizePolicies = NonNullable<Container['resizePolicy']>;

function validateResizePolicy(errors: FieldError[], policies: ResizePolicies, path: string, scope: PodScope): void {
  const seen = new Set<string>();
  policies.forEach(({ resourceName, restartPolicy }, i) => {
    if (seen.has(resourceName)) errors.push(duplicate(`${path}[${i}]`, resourceName));
    seen.add(resourceName);
    for (const [value, choices] of [
      [resourceName, resizableResources],
      [restartPolicy, resizePolicies],
    ] as const) {
      if (!value) errors.push(required(path));
      else if (!choices.includes(value)) errors.push(notSupported(path, value, choices));
    }
    if (scope.restartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
  });
}
