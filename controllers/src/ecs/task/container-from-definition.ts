/** One container of a task as a container of a pod. Pure. */
import type { HealthCheck, Secret } from '@slipway/api/ecs/generated/types';
import type { Container, EnvVar, Probe } from '@slipway/api/types';
import type { EffectiveContainer } from './effective-definition.ts';
import { securityOptions } from './docker-options.ts';
import { secretKeyFrom } from './secret-reference.ts';
import { isNumericUser } from './terms-from-definition.ts';

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
    ...(cpu > 0 ? { cpu: `${milliCpuFromUnits(cpu)}m` } : {}),
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
export function milliCpuFromUnits(units: number): number {
  return Math.max(1, Math.round((units * 1000) / cpuUnitsPerCore));
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
  const { privileged, readonlyRootFilesystem, user, linuxParameters, dockerSecurityOptions } = definition;
  const { add, drop } = linuxParameters?.capabilities ?? {};
  const [uid, gid] = isNumericUser(user) ? (user ?? '').split(':') : [];
  return {
    ...securityOptions(dockerSecurityOptions).value,
    ...(privileged ? { privileged: true } : {}),
    ...(readonlyRootFilesystem ? { readOnlyRootFilesystem: true } : {}),
    ...(uid ? { runAsUser: Number(uid) } : {}),
    ...(gid ? { runAsGroup: Number(gid) } : {}),
    ...(add?.length || drop?.length
      ? { capabilities: { ...(add?.length ? { add: [...add] } : {}), ...(drop?.length ? { drop: [...drop] } : {}) } }
      : {}),
  };
}
