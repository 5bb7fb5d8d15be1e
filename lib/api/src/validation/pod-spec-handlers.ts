import type { IntOrString } from '../int-or-string.ts';
import { httpHeaderProblems, portNameProblems, portNumberProblems } from '../names.ts';
import type { Container, Lifecycle, LifecycleHandler, Probe } from '../types.ts';
import { type FieldError, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import type { PodScope } from './pod-spec-scope.ts';

export function validateLifecycle(errors: FieldError[], lifecycle: Lifecycle, path: string, scope: PodScope): void {
  if (lifecycle.postStart) validateHandler(errors, lifecycle.postStart, `${path}.postStart`, scope);
  if (lifecycle.preStop) validateHandler(errors, lifecycle.preStop, `${path}.preStop`, scope);
}

export function validateProbes(errors: FieldError[], container: Container, path: string, scope: PodScope): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  if (livenessProbe) {
    validateProbe(errors, livenessProbe, `${path}.livenessProbe`, scope);
    validateOneSuccess(errors, livenessProbe, `${path}.livenessProbe`);
  }
  if (readinessProbe) {
    validateProbe(errors, readinessProbe, `${path}.readinessProbe`, scope);
    const grace = readinessProbe.terminationGracePeriodSeconds;
    if (grace !== undefined) {
      const at = `${path}.readinessProbe.terminationGracePeriodSeconds`;
      errors.push(invalid(at, grace, 'must not be set for readinessProbes'));
    }
  }
  if (startupProbe) {
    validateProbe(errors, startupProbe, `${path}.startupProbe`, scope);
    validateOneSuccess(errors, startupProbe, `${path}.startupProbe`);
  }
}

function validateOneSuccess(errors: FieldError[], { successThreshold }: Probe, path: string): void {
  if (successThreshold !== 1) errors.push(invalid(`${path}.successThreshold`, successThreshold ?? 0, 'must be 1'));
}

const counts = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function validateProbe(errors: FieldError[], probe: Probe, path: string, scope: PodScope): void {
  validateHandler(errors, probe, path, scope);
  for (const field of counts) {
    const value = probe[field];
    if (value !== undefined && value < 0) {
      errors.push(invalid(`${path}.${field}`, value, 'must be greater than or equal to 0'));
    }
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
}

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>;

const handlerNames = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function validateHandler(errors: FieldError[], handler: Handler, path: string, scope: PodScope): void {
  const present = handlerNames.filter((name) => handler[name] !== undefined);
  const [first, ...more] = present;
  if (first === undefined) errors.push(required(path, 'must specify a handler type'));
  else validateOneHandler(errors, handler, first, `${path}.${first}`, scope);
  for (const name of more) {
    errors.push(forbidden(`${path}.${name}`, 'may not specify more than 1 handler type'));
  }
}

function validateOneHandler(
  errors: FieldError[],
  { exec, httpGet, tcpSocket, grpc, sleep }: Handler,
  name: (typeof handlerNames)[number],
  path: string,
  { gracePeriodSeconds: grace }: PodScope,
): void {
  switch (name) {
    case 'exec':
      if (!exec?.command?.length) errors.push(required(`${path}.command`));
      return;
    case 'httpGet':
      validateHttpGet(errors, httpGet ?? { port: 0 }, path);
      return;
    case 'tcpSocket':
      validatePort(errors, tcpSocket?.port ?? 0, `${path}.port`);
      return;
    case 'grpc':
      validatePort(errors, grpc?.port ?? 0, `${path}.port`);
      return;
    case 'sleep': {
      const seconds = sleep?.seconds ?? 0;
      if (grace === undefined || (seconds >= 0 && seconds <= grace)) return;
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
      errors.push(invalid(path, seconds, detail));
    }
  }
}

type HttpGet = NonNullable<LifecycleHandler['httpGet']>;

const schemes = ['HTTP', 'HTTPS'];

function validateHttpGet(errors: FieldError[], action: HttpGet, path: string): void {
  if (!action.path) errors.push(required(`${path}.path`));
  validatePort(errors, action.port ?? 0, `${path}.port`);
  if (!schemes.includes(action.scheme ?? '')) {
    errors.push(notSupported(`${path}.scheme`, action.scheme ?? '', schemes));
  }
  for (const { name = '' } of action.httpHeaders ?? []) {
    pushInvalid(errors, `${path}.httpHeaders`, name, httpHeaderProblems(name));
  }
}

/** A port by number or by name. */
export function validatePort(errors: FieldError[], port: IntOrString, path: string): void {
  const problems = typeof port === 'number' ? portNumberProblems(port) : portNameProblems(port);
  pushInvalid(errors, path, port, problems);
}
