/** ECS' task metadata endpoint (versions 3 and 4) and what its agent serves beside it. */
import { isStatus } from '@slipway/api/status-error';
import { type ContainerInstance, ecsGroup, type Task } from '@slipway/api/ecs/kinds';
import { ecsTaskFacts } from '@slipway/api/ecs/task-metadata';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import { messageOf } from '@slipway/kit/errors';
import { deadlineSignal } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { MetadataAnswer, MetadataContainer, MetadataForm, MetadataRequest } from '../metadata-form.ts';
import { containerDocument, type MetadataVersion } from './container-document.ts';
import { type ObserveDeps, observeTask } from './observe-task.ts';
import type { ObservedTask } from './observed-task.ts';
import { taskArns } from './task-arns.ts';
import { taskDocument } from './task-document.ts';
import { answerProtection, noTask } from './task-protection.ts';
import { TaskStats, type TaskStatsDeps } from './task-stats.ts';

export interface EcsFormDeps extends TaskStatsDeps {
  /** Undefined as long as the agent has not begun. */
  readonly observe: () => ObserveDeps | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
}

interface Route {
  readonly version: MetadataVersion | 'api';
  readonly id: string;
  readonly rest: string;
}

const tagsTimeoutMs = 2_000;

export class EcsForm implements MetadataForm {
  readonly #deps: EcsFormDeps;
  readonly #stats: TaskStats;

  constructor(deps: EcsFormDeps) {
    this.#deps = deps;
    this.#stats = new TaskStats(deps);
  }

  isWantedBy(annotations: Readonly<Record<string, string>>): boolean {
    return ecsTaskFacts(annotations) !== undefined;
  }

  variables(baseUrl: string, id: string) {
    return [
      { key: 'ECS_CONTAINER_METADATA_URI', value: `${baseUrl}/v3/${id}` },
      { key: 'ECS_CONTAINER_METADATA_URI_V4', value: `${baseUrl}/v4/${id}` },
      { key: 'ECS_AGENT_URI', value: `${baseUrl}/api/${id}` },
    ];
  }

  async answer(request: MetadataRequest, signal: AbortSignal): Promise<MetadataAnswer> {
    const route = routeOf(request.path);
    if (!route) return notServed(request.path);
    const container = request.find(route.id);
    if (route.version === 'api') return this.#answerApi(route, container, request, signal);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, body: `${request.method} is not served` };
    }
    if (!container) return unknownId(route);
    const observe = this.#deps.observe();
    const task = observe && (await observeTask(container.sandbox, observe, signal));
    if (!task) return { status: 500, body: 'The metadata could not be collected' };
    return this.#answerMetadata({ version: route.version, rest: route.rest }, task, container, signal);
  }

  async #answerMetadata(
    { version, rest }: { readonly version: MetadataVersion; readonly rest: string },
    task: ObservedTask,
    { sandbox, name }: MetadataContainer,
    signal: AbortSignal,
  ): Promise<MetadataAnswer> {
    const own = task.containers.find(({ runtime }) => runtime.metadata.name === name);
    const isOwnNetwork = sandbox.netns !== undefined;
    switch (rest) {
      case '':
        return own ? { status: 200, body: containerDocument(task, own, version) } : goneContainer(version);
      case '/task':
        return { status: 200, body: taskDocument(task, version) };
      case '/taskWithTags':
        return { status: 200, body: { ...taskDocument(task, version), ...(await this.#tagsOf(task, signal)) } };
      case '/stats': {
        const stats = own && (await this.#stats.ofContainer(task, own, isOwnNetwork));
        return stats ? { status: 200, body: stats } : goneContainer(version);
      }
      case '/task/stats':
        return { status: 200, body: await this.#stats.ofTask(task, isOwnNetwork) };
      default:
        return notServed(rest);
    }
  }

  async #answerApi(
    { rest }: Route,
    container: MetadataContainer | undefined,
    request: MetadataRequest,
    signal: AbortSignal,
  ): Promise<MetadataAnswer> {
    if (rest !== '/task-protection/v1/state') return notServed(request.path);
    const facts = container && ecsTaskFacts(container.sandbox.annotations);
    if (!container || !facts) return noTask();
    const { pod } = container.sandbox;
    const [node] = this.#deps.observe()?.ownNode.list() ?? [];
    const region = node?.metadata.labels?.['topology.kubernetes.io/region'];
    const { taskArn } = taskArns({ facts, pod, node: { region, zone: undefined } });
    return answerProtection(request, { ...pod, taskArn }, this.#deps, signal);
  }

  /** Tags may change at any time, so it is the API that knows them; its failure is told as ECS does, beside the rest. */
  async #tagsOf(task: ObservedTask, signal: AbortSignal): Promise<object> {
    const { namespace, name } = task.pod;
    const [node] = this.#deps.observe()?.ownNode.list() ?? [];
    const { taskArn, instanceArn } = taskArns(task);
    const nodeName = node?.metadata.name;
    const asked: readonly TagQuestion[] = [
      { field: 'TaskTags', arn: taskArn, path: { ...tagged, resource: 'tasks', namespace, name } },
      ...(nodeName === undefined || task.facts.launchType === 'FARGATE'
        ? []
        : [
            {
              field: 'ContainerInstanceTags',
              arn: instanceArn(nodeName),
              path: { ...tagged, resource: 'containerinstances', name: nodeName },
            },
          ]),
    ];
    const inTime = AbortSignal.any([signal, deadlineSignal(this.#deps.clock, tagsTimeoutMs)]);
    const answers = await Promise.all(asked.map((question) => this.#askTags(question, inTime)));
    const failures = answers.flatMap(({ failure }) => failure ?? []);
    const shown = Object.assign({}, ...answers.map(({ tags }) => tags ?? {})) as object;
    return { ...shown, ...(failures.length > 0 ? { Errors: failures } : {}) };
  }

  async #askTags({ field, arn, path }: TagQuestion, signal: AbortSignal): Promise<TagAnswer> {
    try {
      const { spec } = (await this.#deps.transport.send({ verb: 'get', path }, signal)) as Task | ContainerInstance;
      const tags = (spec.tags ?? []).map(({ key = '', value = '' }) => [key, value] as const);
      return tags.length > 0 ? { tags: { [field]: Object.fromEntries(tags) } } : {};
    } catch (error) {
      if (isStatus(error, 'NotFound')) return {};
      const failure = {
        ErrorField: field,
        ErrorCode: 'ServerException',
        ErrorMessage: messageOf(error),
        StatusCode: 500,
        RequestId: '',
        ResourceARN: arn,
      };
      return { failure };
    }
  }
}

const tagged = { group: ecsGroup, version: 'v1' } as const;

interface TagQuestion {
  readonly field: string;
  readonly arn: string;
  readonly path: ResourcePath;
}

interface TagAnswer {
  readonly tags?: Readonly<Record<string, object>>;
  readonly failure?: object;
}

/** `/v4/ID/task` */
function routeOf(path: string): Route | undefined {
  const [, version, id, rest = ''] = /^\/(v3|v4|api)\/([^/]+)(\/.*)?$/.exec(path.replace(/\/+$/, '')) ?? [];
  if (id === undefined || (version !== 'v3' && version !== 'v4' && version !== 'api')) return undefined;
  return { version, id, rest };
}

function notServed(path: string): MetadataAnswer {
  return { status: 404, body: `${path.slice(0, 200)} is not served by this agent` };
}

function unknownId({ version, rest, id }: Route): MetadataAnswer {
  const what = rest.startsWith('/task') ? 'task' : 'container';
  const text = `${version.toUpperCase()} ${what} metadata handler: no container of this task has the ID ${id.slice(0, 64)}`;
  return { status: 404, body: text };
}

function goneContainer(version: MetadataVersion): MetadataAnswer {
  return { status: 404, body: `${version.toUpperCase()} container metadata handler: the container does not run` };
}
