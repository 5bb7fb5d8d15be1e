import { deploymentConfigurationOf } from './deployment-target.ts';
import type { Look } from './look.ts';
import { isReady, nodeOfTask } from './places.ts';
import type { Actions } from './plan-rollout.ts';
import { boundsOf } from './rollout.ts';
import { type ClassifiedTask, isProtected, tally } from './service-tasks.ts';

/**
 * One task on every node that takes it. An old one goes before its successor comes, and never more at once than the minimum allows.
 * Where a node does not answer, nothing is started and nothing stopped: what runs there may well run.
 */
export function daemonStep({ service, own, old, nodes, nowMs }: Look): Actions {
  const wanted = new Set(nodes.map(({ metadata }) => metadata.name ?? ''));
  const isAlive = ({ is }: ClassifiedTask) => is !== 'ended';
  const all = [...own, ...old].filter(isAlive);
  const occupied = new Set(all.map(placeOf));
  const { minimumHealthyPercent = 0 } = deploymentConfigurationOf(service);
  const { lower } = boundsOf({ desired: nodes.length, minimumHealthyPercent, maximumPercent: 100 });
  const mayGo = ({ is, task }: ClassifiedTask) => is !== 'stopping' && !isProtected(task, nowMs);
  const astray = all.filter((each) => mayGo(each) && !wanted.has(placeOf(each)));
  const inPlace = (each: ClassifiedTask) => wanted.has(placeOf(each));
  const unhealthy = own.filter((each) => each.is === 'unhealthy' && mayGo(each) && inPlace(each));
  const replaced = old.filter((each) => isAlive(each) && mayGo(each) && inPlace(each));
  const spare = Math.max(0, tally(all.filter(inPlace)).healthy - lower);
  const idle = replaced.filter(({ is }) => is !== 'healthy');
  const serving = replaced.filter(({ is }) => is === 'healthy').slice(0, spare);
  const start = nodes
    .filter((node) => isReady(node) && !occupied.has(node.metadata.name ?? ''))
    .map((node) => ({ node: node.metadata.name ?? '' }));
  const stop = [...astray, ...unhealthy, ...idle, ...serving];
  // The minimum rounds up to all nodes: nothing may go first, and nothing may come beside it.
  const isStuck = replaced.length > 0 && start.length + stop.length === 0 && lower >= nodes.length;
  return {
    start,
    stop,
    isSteady: tally(own).healthy === nodes.length && !old.some(isAlive) && !all.some(({ is }) => is === 'stopping'),
    isStuck,
  };
}

function placeOf({ task }: ClassifiedTask): string {
  return nodeOfTask(task) ?? '';
}
