/** A command in a running container: what ECS checks, then an address and a token for a client of Session Manager. */
import type { Node, Pod } from '@slipway/api/types';
import type { ClusterObject, TaskObject, TaskStatus } from '../kinds.ts';
import type { ExecuteCommandRequest } from '../model/generated/types.ts';
import { commandWords } from '../session/command-words.ts';
import { lastStatusOf } from '../shown/task.ts';
import { clientException, EcsError, invalidParameter } from '../wire/ecs-error.ts';
import { clusterOf, nameInCluster } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';

/** The command travels in the token, and a client sends that in one message. */
const commandCharactersMax = 4_096;

type ContainerStatus = NonNullable<TaskStatus['containers']>[number];

export function executeCommand(request: ExecuteCommandRequest, context: OperationContext) {
  const { arns, objects, sessions, caller, reachedAt } = context;
  const cluster = clusterOf(request.cluster, context);
  const { namespace } = cluster;
  const command = checkedCommand(request);
  const name = nameInCluster('task', request.task, cluster);
  sessions.authorize(caller.user, namespace, name ?? '');
  const task = name ? objects.resolve<TaskObject>('Task', { namespace, name }) : undefined;
  if (!name || !task) throw invalidParameter('The referenced task was not found.');
  if (!task.spec.enableExecuteCommand) throw notEnabled();
  if (lastStatusOf(task) !== 'RUNNING') throw notConnected(`The task is ${lastStatusOf(task)}.`);
  const container = containerOf(task, request.container);
  const running = runningPlace(task, container, context);
  if (sessions.isFull) throw clientException('This server has as many open sessions as it may; close one first.');
  const containerName = container.name ?? '';
  const session = sessions.prepare(
    {
      user: caller.user,
      namespace,
      task: { name, uid: task.metadata.uid ?? '' },
      ...running,
      containerName,
      command,
      notice: noticeOf(cluster.object),
    },
    reachedAt,
  );
  return {
    clusterArn: arns.cluster(cluster.name),
    containerArn: arns.container(cluster.name, name, container.containerId ?? containerName),
    containerName,
    interactive: true,
    session,
    taskArn: arns.task(cluster.name, name),
  };
}

function checkedCommand({ command, interactive }: ExecuteCommandRequest): readonly string[] {
  if (!interactive) throw invalidParameter('Interactive must be true: only interactive sessions are served.');
  if (command.length > commandCharactersMax) {
    throw invalidParameter(`command can have at most ${commandCharactersMax} characters.`);
  }
  if (command.includes('\0')) throw invalidParameter('command can not contain a NUL character.');
  const words = commandWords(command);
  if (words.length === 0 || words[0] === '') throw invalidParameter('Command can not be blank.');
  return words;
}

/** What of the cluster's configuration for sessions has no effect. */
function noticeOf({ spec }: ClusterObject): string {
  const { logging, kmsKeyId } = spec.configuration?.executeCommandConfiguration ?? {};
  const lacking = [
    ...(logging === 'OVERRIDE' ? ['logged (logging: OVERRIDE)'] : []),
    ...(kmsKeyId ? ['encrypted with a key of KMS (kmsKeyId)'] : []),
  ];
  if (lacking.length === 0) return '';
  return `The cluster's executeCommandConfiguration has no effect: this session is not ${lacking.join(', and not ')}.`;
}

/** Throws EcsError. */
function containerOf({ status }: TaskObject, asked: string | undefined): ContainerStatus {
  const containers = status?.containers ?? [];
  const names = containers.map(({ name }) => name).join(', ');
  const [only, ...others] = containers;
  if (!asked && others.length > 0) {
    throw invalidParameter(`The task has several containers; name one of them in container: ${names}.`);
  }
  const container = asked ? containers.find(({ name }) => name === asked) : only;
  if (!container) throw invalidParameter(`The task has no container ${asked ?? ''}. It has: ${names}.`);
  if (container.lastStatus !== 'RUNNING') {
    throw notConnected(`The container ${container.name} is ${container.lastStatus ?? 'PENDING'}.`);
  }
  return container;
}

/** The container of the pod, which must be the task's own. Throws EcsError TargetNotConnectedException. */
function runningPlace({ metadata, status }: TaskObject, container: ContainerStatus, { sessions }: OperationContext) {
  const pod = sessions.commands.pod(metadata.namespace ?? '', status?.podName ?? metadata.name ?? '');
  const isOwn = pod?.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === metadata.uid);
  if (!pod || !isOwn) throw notConnected('The task has no pod.');
  const inPod = pod.status?.containerStatuses?.find(
    ({ containerID, name }) => idOf(containerID) === container.runtimeId || name === container.name,
  );
  if (!inPod?.state?.running) throw notConnected(`The container ${container.name} does not run.`);
  const { nodeName = '' } = pod.spec;
  if (!isReady(sessions.commands.node(nodeName))) throw notConnected(`The node ${nodeName} is not ready.`);
  return { pod: referenceTo(pod), container: inPod.name };
}

function idOf(containerId: string | undefined): string | undefined {
  return containerId?.split('//').at(-1);
}

function referenceTo({ metadata }: Pod) {
  return { name: metadata.name ?? '', uid: metadata.uid ?? '' };
}

function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** ECS' words, with its apostrophe. */
function notEnabled(): EcsError {
  return invalidParameter(
    'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.',
  );
}

/** ECS' words, and what is the matter. */
function notConnected(why: string): EcsError {
  return new EcsError(
    'TargetNotConnectedException',
    `The execute command failed due to an internal error. Try again later. ${why}`,
  );
}
