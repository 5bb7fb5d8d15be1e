/** One container of a task as a container of a pod. Pure. */
import type { ContainerTerms } from '@slipway/api/container-terms';
import type { ContainerDependency, HealthCheck, Secret } from '@slipway/api/ecs/generated/types';
import type { Container, EnvVar, Probe } from '@slipway/api/types';
import type { EffectiveContainer } from './effective-definition.ts';
import { secretKeyFrom } from './secret-reference.ts';

/** ECS gives a container this long to end. */
export const stopTimeoutDefault = 30;
const restartAttemptPeriodDefault = 300;
const cpuUnitsPerCore = 1024;
const health = { interval: 30, timeout: 5, retries: 3 } as const;

export function containerFrom(definition: EffectiveContainer): Container {
  const { podName, image, entryPoint, command, workingDirectory, interactive, pseudoTerminal } = definition;
  const env = environmentOf(definition);
  const resources = resourcesOf(definition);
  const readinessProbe = definition.healthCheck && probeFrom(definition.healthCheck);
  return {
    name: podName,
    image: image ?? '',
    ...(entryPoint?.length ? { command: entryPoint.map(literal) } : {}),
    ...(command?.length ? { args: command.map(literal) } : {}),
    ...(workingDirectory ? { workingDir: workingDirectory } : {}),
    ...(env.length > 0 ? { env } : {}),
    ...(resources ? { resources } : {}),
    ...(readinessProbe ? { readinessProbe } : {}),
    ...restartOf(definition),
    securityContext: securityContextOf(definition),
    ...(interactive ? { stdin: true } : {}),
    ...(pseudoTerminal ? { tty: true } : {}),
  };
}

function environmentOf({ environment = [], secrets = [] }: EffectiveContainer): EnvVar[] {
  return [
    ...environment.map(({ name = '', value = '' }) => ({ name, value: literal(value) })),
    ...secrets.map(secretVariable),
  ];
}

/** Kubernetes puts other variables in for `$(NAME)`, and `$` for `$$`; ECS takes a text as it is. */
function literal(text: string): string {
  return text.replaceAll(/\$(?=[$(])/g, () => '$$');
}

function secretVariable({ name, valueFrom }: Secret): EnvVar {
  return { name, valueFrom: { secretKeyRef: secretKeyFrom(valueFrom) } };
}

/** CPU units are a share, not a limit; `memory` is the limit, `memoryReservation` what is kept free for it. */
function resourcesOf({ cpu = 0, memory, memoryReservation, resourceRequirements = [] }: EffectiveContainer) {
  const reserved = memoryReservation ?? memory;
  const gpus = resourceRequirements.find(({ type }) => type === 'GPU')?.value;
  const requests = {
    ...(cpu > 0 ? { cpu: cpuFromUnits(cpu) } : {}),
    ...(reserved === undefined ? {} : { memory: `${reserved}Mi` }),
    ...(gpus === undefined ? {} : { 'nvidia.com/gpu': gpus }),
  };
  const limits = {
    ...(memory === undefined ? {} : { memory: `${memory}Mi` }),
    ...(gpus === undefined ? {} : { 'nvidia.com/gpu': gpus }),
  };
  if (Object.keys(requests).length === 0) return undefined;
  return { requests, ...(Object.keys(limits).length > 0 ? { limits } : {}) };
}

/** 1024 units are one core. */
export function cpuFromUnits(units: number): string {
  return `${Math.max(1, Math.round((units * 1000) / cpuUnitsPerCore))}m`;
}

/** ECS' check restarts nothing, as a readiness probe does not. Undefined for `["NONE"]`. */
function probeFrom({ command, interval, timeout, retries }: HealthCheck): Probe | undefined {
  const [form, ...words] = command;
  if (form === 'NONE' || words.length === 0) return undefined;
  return {
    exec: { command: form === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words },
    periodSeconds: interval ?? health.interval,
    timeoutSeconds: timeout ?? health.timeout,
    failureThreshold: retries ?? health.retries,
  };
}

/** How long a container may be without a success before it counts as unhealthy. */
export function unhealthyAfterMs({ interval, timeout, retries, startPeriod = 0 }: HealthCheck): number {
  const each = (interval ?? health.interval) + (timeout ?? health.timeout);
  return (startPeriod + each * (retries ?? health.retries)) * 1000;
}

/** The pod restarts nothing; a container with a policy of its own does. */
function restartOf({ restartPolicy }: EffectiveContainer): Pick<Container, 'restartPolicy' | 'restartPolicyRules'> {
  if (!restartPolicy?.enabled) return {};
  const ignored = restartPolicy.ignoredExitCodes ?? [];
  if (ignored.length === 0) return { restartPolicy: 'Always' };
  const exitCodes = { operator: 'NotIn', values: [...new Set(ignored)] };
  return { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes }] };
}

function securityContextOf(definition: EffectiveContainer): Container['securityContext'] {
  const { privileged, readonlyRootFilesystem, user, linuxParameters } = definition;
  const { add, drop } = linuxParameters?.capabilities ?? {};
  const [uid, gid] = (user ?? '').split(':');
  return {
    ...(privileged ? { privileged: true } : {}),
    ...(readonlyRootFilesystem ? { readOnlyRootFilesystem: true } : {}),
    ...(uid ? { runAsUser: Number(uid) } : {}),
    ...(gid ? { runAsGroup: Number(gid) } : {}),
    ...(add?.length || drop?.length
      ? { capabilities: { ...(add?.length ? { add: [...add] } : {}), ...(drop?.length ? { drop: [...drop] } : {}) } }
      : {}),
  };
}

const conditions = { START: 'started', COMPLETE: 'completed', SUCCESS: 'succeeded', HEALTHY: 'healthy' } as const;

/** What ECS says of a container and a pod's spec cannot: see `@slipway/api/container-terms`. */
export function termsFrom(definition: EffectiveContainer, all: readonly EffectiveContainer[]): ContainerTerms {
  const { dependsOn = [], essential = true, stopTimeout = stopTimeoutDefault, restartPolicy } = definition;
  return {
    ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map((each) => dependencyFrom(each, all)) } : {}),
    essential,
    stopTimeoutSeconds: stopTimeout,
    ...(restartPolicy?.enabled
      ? { restartMinRunSeconds: restartPolicy.restartAttemptPeriod ?? restartAttemptPeriodDefault }
      : {}),
  };
}

/** ECS has the time limit at the container that is waited for. */
function dependencyFrom({ containerName, condition }: ContainerDependency, all: readonly EffectiveContainer[]) {
  const target = all.find(({ name }) => name === containerName);
  const timeoutSeconds = condition === 'START' ? undefined : target?.startTimeout;
  return {
    container: target?.podName ?? containerName,
    condition: conditions[condition],
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}
