/** `/v4/ID/task` and `/v3/ID/task`: the task in the words of ECS' agent. Pure. */
import { containerDocument, knownState, type MetadataVersion, timeText } from './container-document.ts';
import type { ObservedTask } from './observed-task.ts';
import { taskArns } from './task-arns.ts';

export function taskDocument(task: ObservedTask, version: MetadataVersion): object {
  const { facts, containers, scheduledAt, node } = task;
  const { cluster, clusterArn, taskArn } = taskArns(task);
  const known = knownStatus(task);
  const allCreated = containers.length === Object.keys(facts.containers).length;
  const pulledAtMs = Math.max(...containers.map(({ runtime }) => runtime.createdAtMs));
  const stoppedAtMs = Math.max(...containers.map(({ runtime }) => runtime.finishedAtMs));
  return {
    Cluster: facts.launchType === 'FARGATE' ? clusterArn : cluster,
    TaskARN: taskArn,
    Family: facts.family,
    Revision: String(facts.revision),
    DesiredStatus: task.isEnding || known === 'STOPPED' ? 'STOPPED' : 'RUNNING',
    KnownStatus: known,
    ...(facts.limits ? { Limits: limitsOf(facts.limits) } : {}),
    ...(scheduledAt ? { PullStartedAt: scheduledAt } : {}),
    // A container is created when its image is there.
    ...(allCreated ? { PullStoppedAt: timeText(pulledAtMs) } : {}),
    ...(known === 'STOPPED' ? { ExecutionStoppedAt: timeText(stoppedAtMs) } : {}),
    ...(node.zone ? { AvailabilityZone: node.zone } : {}),
    ...(version === 'v4' ? { LaunchType: facts.launchType } : {}),
    Containers: containers.map((each) => containerDocument(task, each, version)),
    ...(version === 'v4' && facts.serviceName ? { ServiceName: facts.serviceName } : {}),
    ...(version === 'v4' ? { FaultInjectionEnabled: false } : {}),
  };
}

function limitsOf({ cpu, memory }: { readonly cpu?: number; readonly memory?: number }): object {
  return { ...(cpu === undefined ? {} : { CPU: cpu }), ...(memory === undefined ? {} : { Memory: memory }) };
}

/** A task is as far as the least of its containers. */
function knownStatus({ facts, containers }: ObservedTask): 'NONE' | 'CREATED' | 'RUNNING' | 'STOPPED' {
  if (containers.length < Object.keys(facts.containers).length) return 'NONE';
  const states = containers.map(knownState);
  if (states.every((state) => state === 'STOPPED')) return 'STOPPED';
  return states.includes('CREATED') ? 'CREATED' : 'RUNNING';
}
