/** Mistakes of the scheduler of ECS services. What it sees is changed on the way, so that it decides wrongly; nothing of it is in the scheduler. */
import type { Service, Task } from '@slipway/api/ecs/kinds';
import type { ApiRequest, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { KubeList, KubeObject } from '@slipway/api/types';
import { ecs } from '../scenes.ts';
import type { PlantedBug } from './planted-bugs.ts';

/** Services of ECS do much of themselves. */
const steps = 25;
const common = ['create ecs service', 'roll out', 'scale ecs service', 'force new deployment'];

export const ecsBugs: readonly PlantedBug[] = [
  {
    what: 'the scheduler of ECS services knows no minimum',
    scene: ecs,
    steps,
    plant: () => ({ controllersThrough: seeing('services', (service) => bounded(service as Service, 0, undefined)) }),
    only: common,
    foundBy: ['ecs percents'],
  },
  {
    what: 'the scheduler of ECS services knows no maximum',
    scene: ecs,
    steps,
    plant: () => ({ controllersThrough: seeing('services', (service) => bounded(service as Service, undefined, 900)) }),
    only: common,
    foundBy: ['ecs percents'],
  },
  {
    what: 'the scheduler of ECS services does not see that a task is protected',
    scene: ecs,
    steps,
    plant: () => ({ controllersThrough: seeing('tasks', unprotected) }),
    only: [...common, 'protect task'],
    foundBy: ['ecs percents'],
  },
  {
    what: 'tasks of ECS services are started twice',
    scene: ecs,
    steps,
    plant: () => ({ controllersThrough: startingTwice }),
    only: common,
    foundBy: ['ecs percents'],
  },
];

function bounded(service: Service, least: number | undefined, most: number | undefined): KubeObject {
  if (service.spec.schedulingStrategy === 'DAEMON') return service;
  const deploymentConfiguration = {
    ...service.spec.deploymentConfiguration,
    ...(least === undefined ? {} : { minimumHealthyPercent: least }),
    ...(most === undefined ? {} : { maximumPercent: most }),
  };
  return { ...service, spec: { ...service.spec, deploymentConfiguration } } as KubeObject;
}

function unprotected(object: KubeObject): KubeObject {
  const { protection: _, ...spec } = (object as Task).spec;
  return { ...object, spec } as KubeObject;
}

/** Lists and watches show objects of the resource changed. */
function seeing(resource: string, change: (object: KubeObject) => KubeObject): (transport: Transport) => Transport {
  const isAbout = ({ path }: Pick<ApiRequest, 'path'> | WatchRequest) =>
    path.group === 'ecs.slipway.dev' && path.resource === resource;
  return (transport) => ({
    ...transport,
    send: async (request, signal) => {
      const answer = await transport.send(request, signal);
      if (request.verb !== 'list' || !isAbout(request)) return answer;
      const list = answer as KubeList<KubeObject>;
      return { ...list, items: list.items.map(change) };
    },
    watch: (request, signal) => {
      const events = transport.watch(request, signal);
      return isAbout(request) ? changed(events, change) : events;
    },
  });
}

async function* changed(batches: AsyncIterable<readonly WatchEvent[]>, change: (object: KubeObject) => KubeObject) {
  for await (const events of batches) {
    yield events.map((event) =>
      event.type === 'ADDED' || event.type === 'MODIFIED'
        ? { ...event, object: change(event.object as KubeObject) }
        : event,
    ) as readonly WatchEvent[];
  }
}

function startingTwice(transport: Transport, account: string): Transport {
  if (account !== 'ecs-service-controller') return transport;
  return {
    ...transport,
    send: async (request, signal) => {
      const answer = await transport.send(request, signal);
      if (request.verb !== 'create' || request.path.resource !== 'tasks') return answer;
      const task = request.body as Task;
      const metadata = { ...task.metadata, name: `${task.metadata.name?.slice(0, 30)}ff` };
      await transport.send({ ...request, body: { ...task, metadata } }, signal);
      return answer;
    },
  };
}
