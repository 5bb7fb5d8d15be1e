import { containersAnnotation } from '@slipway/api/container-terms';
import type { CapacityProvider, Task } from '@slipway/api/ecs/kinds';
import { labelValueFrom } from '@slipway/api/ecs/names';
import type { Container, Pod, PodSpec } from '@slipway/api/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { containerFrom, milliCpuFromUnits } from './container-from-definition.ts';
import type { EffectiveDefinition } from './effective-definition.ts';
import { isRegisteredAtOnce, registeredLabel } from './registration.ts';
import { credentialsSecretName } from './secret-reference.ts';
import { metadataAnnotation, withTaskVariables } from './task-metadata.ts';
import { taskNetwork } from './task-network.ts';
import { groupLabel, placementOf } from './task-placement.ts';
import { taskVolumes } from './task-volumes.ts';
import { stopTimeoutDefault, termsFrom } from './terms-from-definition.ts';

export const familyLabel = 'slipway.dev/ecs-family';
export const serviceLabel = 'slipway.dev/ecs-service';
/** Keeps the pod until the task has noted how its containers ended. */
export const taskFinalizer = 'slipway.dev/ecs-task';

export interface PodContext {
  readonly provider: CapacityProvider | undefined;
  /** Host ports that pods have anywhere. */
  readonly takenPorts: ReadonlySet<number>;
}

/** The pod that a task is. It has the task's name. Throws `QueryError` for a placement expression that is none. */
export function podFromTask(task: Task, definition: EffectiveDefinition, { provider, takenPorts }: PodContext): Pod {
  const { namespace, name } = task.metadata;
  const { volumes, mounts } = taskVolumes(definition);
  const network = taskNetwork(definition, task, takenPorts);
  const placement = placementOf(task, definition, provider);
  const terms = Object.fromEntries(definition.containers.map((each) => [each.podName, termsFrom(each, definition)]));
  const containers = definition.containers.map((each): Container => {
    const volumeMounts = mounts.get(each.name) ?? [];
    const ports = network.ports.get(each.name) ?? [];
    const container = containerFrom(each);
    return {
      ...container,
      env: withTaskVariables(task, container.env),
      ...(ports.length > 0 ? { ports: [...ports] } : {}),
      ...(volumeMounts.length > 0 ? { volumeMounts: [...volumeMounts] } : {}),
    };
  });
  const labels = {
    [groupLabel]: labelValueFrom(placement.group),
    [familyLabel]: labelValueFrom(definition.family),
    ...(task.spec.serviceName ? { [serviceLabel]: labelValueFrom(task.spec.serviceName) } : {}),
    ...(task.spec.serviceName && isRegisteredAtOnce(containers) ? { [registeredLabel]: 'true' } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels,
      annotations: {
        ...network.annotations,
        ...metadataAnnotation(task, definition),
        [containersAnnotation]: JSON.stringify(terms),
      },
      finalizers: [taskFinalizer],
      ownerReferences: [controllerReferenceTo(task)],
    },
    spec: {
      restartPolicy: 'Never',
      enableServiceLinks: false,
      terminationGracePeriodSeconds: Math.max(
        ...definition.containers.map(({ stopTimeout = stopTimeoutDefault }) => stopTimeout),
      ),
      ...identityOf(definition),
      ...sharingOf(definition),
      ...network.spec,
      ...placement.spec,
      ...pullSecretsOf(definition),
      ...sysctlsOf(definition),
      ...(volumes.length > 0 ? { volumes: [...volumes] } : {}),
      ...sizeOf(definition),
      containers,
    },
  };
}

/** What the task has as a whole, kept free for it and no more than it gets: a pod has the same. */
function sizeOf({ containers, cpu, memory }: EffectiveDefinition): Partial<PodSpec> {
  // Shares are rounded one by one, and a pod must not have less than its containers together.
  const shares = containers.reduce((sum, each) => sum + (each.cpu ? milliCpuFromUnits(each.cpu) : 0), 0);
  const amounts = {
    ...(cpu ? { cpu: `${Math.max(shares, milliCpuFromUnits(Number(cpu)))}m` } : {}),
    ...(memory ? { memory: `${memory}Mi` } : {}),
  };
  return Object.keys(amounts).length > 0 ? { resources: { requests: amounts, limits: amounts } } : {};
}

/** A role is the service account of its name; a task without one has no rights. */
function identityOf({ taskRoleArn }: EffectiveDefinition): Partial<PodSpec> {
  const role = taskRoleArn?.split('/').at(-1);
  return role ? { serviceAccountName: role.toLowerCase() } : { automountServiceAccountToken: false };
}

function sharingOf({ pidMode, ipcMode }: EffectiveDefinition): Partial<PodSpec> {
  return {
    ...(pidMode === 'host' ? { hostPID: true } : {}),
    ...(pidMode === 'task' ? { shareProcessNamespace: true } : {}),
    ...(ipcMode === 'host' ? { hostIPC: true } : {}),
  };
}

function pullSecretsOf({ containers }: EffectiveDefinition): Partial<PodSpec> {
  const names = containers.flatMap(({ repositoryCredentials }) =>
    repositoryCredentials ? [credentialsSecretName(repositoryCredentials.credentialsParameter)] : [],
  );
  return names.length > 0 ? { imagePullSecrets: [...new Set(names)].map((name) => ({ name })) } : {};
}

function sysctlsOf({ containers }: EffectiveDefinition): Partial<PodSpec> {
  const sysctls = containers.flatMap(({ systemControls = [] }) =>
    systemControls.flatMap(({ namespace: name, value }) => (name && value !== undefined ? [{ name, value }] : [])),
  );
  return sysctls.length > 0 ? { securityContext: { sysctls } } : {};
}
