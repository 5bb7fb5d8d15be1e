/** What a service tells, in ECS' words, newest first. */
import type { Service, ServiceEvent } from '@slipway/api/ecs/kinds';
import { formatTime } from '@slipway/kit/clock';
import { createHash } from 'node:crypto';
import type { EventPhrase } from '../../runtime/step.ts';
import { nameOfService } from './service-tasks.ts';

const eventsMax = 100;

export const texts = {
  started: (tasks: readonly string[]) => `has started ${tasks.length} tasks: ${listed(tasks)}.`,
  stopped: (tasks: readonly string[]) => `has stopped ${tasks.length} running tasks: ${listed(tasks)}.`,
  unhealthy: (task: string) => `(task ${task}) failed container health checks.`,
  steady: () => 'has reached a steady state.',
  completed: (deployment: string) => `(deployment ${deployment}) deployment completed.`,
  failed: (deployment: string, why: string) => `(deployment ${deployment}) deployment failed: ${why}.`,
  rollingBack: (deployment: string) => `rolling back to deployment ${deployment}.`,
  unableToStart: () => 'is unable to consistently start tasks successfully.',
  stuck: () =>
    'was unable to stop or start tasks during a deployment because of the service deployment configuration. ' +
    'Update the minimumHealthyPercent or maximumPercent value and try again.',
  unableToPlace: (why: string) =>
    `was unable to place a task because no container instance met all of its requirements. Reason: ${why.replace(/\.$/, '')}.`,
  noDefinition: (reference: string) =>
    `was unable to start a deployment: there is no ACTIVE task definition ${reference}.`,
} as const;

function listed(tasks: readonly string[]): string {
  return tasks.map((task) => `(task ${task})`).join(' ');
}

/** Whether it is the last thing of its sort that was told: `steady` before anything else happened, the rest since the service was steady last. */
export function isTold({ status }: Service, sort: 'steady' | 'since steady', text: string): boolean {
  const events = status?.events ?? [];
  if (sort === 'steady') return events.find(({ message }) => isMove(message))?.message.endsWith(text) ?? false;
  const steadyAt = events.findIndex(({ message }) => message.endsWith(texts.steady()));
  return events.slice(0, steadyAt === -1 ? events.length : steadyAt).some(({ message }) => message.endsWith(text));
}

function isMove(message: string): boolean {
  return / has (started|stopped|reached) /.test(message);
}

export function withEvents(service: Service, messages: readonly string[], nowMs: number): readonly ServiceEvent[] {
  const before = service.status?.events ?? [];
  const createdAt = formatTime(nowMs);
  const added = messages.map((text, i): ServiceEvent => {
    const message = `(service ${nameOfService(service)}) ${text}`;
    return { id: uuidFrom(`${service.metadata.uid} ${nowMs} ${i} ${message}`), createdAt, message };
  });
  return [...added.toReversed(), ...before].slice(0, eventsMax);
}

const messageMax = 1000;

/** What a service tells is an event of Kubernetes, too: for `kubectl describe` and `kubectl get events`. */
export function phrasesOf(before: readonly ServiceEvent[] = [], now: readonly ServiceEvent[] = []): EventPhrase[] {
  const known = new Set(before.map(({ id }) => id));
  const news = now.filter(({ id }) => !known.has(id)).toReversed();
  return news.map(({ message }) => {
    const [, reason, type] = kinds.find(([part]) => message.includes(part)) ?? kinds[0];
    const isLong = message.length > messageMax;
    return { type, reason, message: isLong ? `${message.slice(0, messageMax)}...` : message };
  });
}

const kinds: readonly [Kind, ...Kind[]] = [
  ['has started', 'TasksStarted', 'Normal'],
  ['has stopped', 'TasksStopped', 'Normal'],
  ['has reached a steady state', 'SteadyState', 'Normal'],
  ['deployment completed', 'DeploymentCompleted', 'Normal'],
  ['deployment failed', 'DeploymentFailed', 'Warning'],
  ['rolling back', 'RollingBack', 'Warning'],
  ['failed container health checks', 'TaskUnhealthy', 'Warning'],
  ['is unable to', 'UnableToStart', 'Warning'],
  ['was unable to place', 'UnableToPlace', 'Warning'],
  ['was unable to', 'UnableToDeploy', 'Warning'],
];
/** A part of the message, and what an event of it is. */
type Kind = readonly [part: string, reason: string, type: EventPhrase['type']];

function uuidFrom(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
