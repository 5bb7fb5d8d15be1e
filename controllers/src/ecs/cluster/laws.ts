import { keyOf, kinds } from '@slipway/client/kinds';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { aCluster, aService, aTask } from '../testing/ecs-builders.ts';
import { clusterFinalizer } from './plan.ts';

const { ecsClusters: clusters, ecsTasks: tasks, ecsServices: services, namespaces } = kinds;

export const ecsClusterLaws: ControllerLaws = {
  controller: 'ecs-cluster',
  primary: clusters,
  start: (server) => {
    server.put(clusters, aCluster('shop'));
    server.put(tasks, aTask({}, { name: 'one', uid: 'uid-one' }));
    server.put(services, aService());
  },
  moves: {
    'a task runs, or stops': (server, dice) => {
      const task = pick(server.list(tasks), dice);
      const lastStatus = dice % 2 === 0 ? 'RUNNING' : 'STOPPED';
      if (task) server.put(tasks, { ...task, status: { ...task.status, lastStatus } });
    },
    'a task is gone': (server, dice) => {
      const task = pick(server.list(tasks), dice);
      if (task) server.remove(tasks, keyOf(task));
    },
    'a service drains': (server, dice) => {
      const service = pick(server.list(services), dice);
      if (service) server.put(services, { ...service, spec: { ...service.spec, desiredStatus: 'INACTIVE' } });
    },
    'a cluster is deleted': (server, dice) => {
      const cluster = pick(server.list(clusters), dice);
      if (cluster) server.delete(clusters, keyOf(cluster));
    },
    'a cluster is made': (server, dice) => {
      const name = `cluster-${dice % 3}`;
      if (!server.get(clusters, name)) server.put(clusters, aCluster(name));
    },
    'a namespace goes': (server, dice) => {
      const namespace = pick(server.list(namespaces), dice);
      if (namespace) server.remove(namespaces, keyOf(namespace));
    },
  },
  mayWrite: ({ kindId, verb }) =>
    // The last finalizer off, it is gone.
    (kindId === 'clusters.ecs.slipway.dev' && (verb === 'patch' || verb === 'delete')) ||
    (kindId === 'namespaces' && verb === 'create'),
  atRest(server) {
    for (const { metadata, status } of server.list(clusters)) {
      const { name = '', deletionTimestamp, finalizers = [] } = metadata;
      const here = server.list(tasks).filter((task) => task.metadata.namespace === name);
      const running = here.filter((task) => task.status?.lastStatus === 'RUNNING').length;
      if (status?.runningTasksCount !== running) return `${name} counts ${status?.runningTasksCount}, not ${running}`;
      if (deletionTimestamp === undefined && !server.get(namespaces, name)) return `${name} has no namespace`;
      const isKept = here.some((task) => task.status?.lastStatus !== 'STOPPED') || status?.activeServicesCount !== 0;
      const isHeld = finalizers.includes(clusterFinalizer);
      if (deletionTimestamp !== undefined && isHeld && !isKept) return `${name} is kept by nobody`;
    }
    return undefined;
  },
};
