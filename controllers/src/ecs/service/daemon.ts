import type { Service } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import { parseQuery } from '@slipway/api/ecs/cluster-query';
import { deploymentConfigurationOf } from './deployment-target.ts';
import { matchesAny } from './matches-query.ts';
import type { Actions } from './plan.ts';
import { boundsOf } from './rollout.ts';
import { type ClassifiedTask, tally } from './service-tasks.ts';

/** One task on every node that takes it. An old one goes before its successor comes, and never more at once than the minimum allows. */
export function daemonStep(
  service: Service,
  own: readonly ClassifiedTask[],
  old: readonly ClassifiedTask[],
  all: readonly Node[],
  _nowMs: number,
): Actions {
  const nodes = all.filter((node) => takesDaemon(node, service)).map(({ metadata }) => metadata.name ?? '');
  const isAlive = ({ is }: ClassifiedTask) => is !== 'ended';
  const occupied = new Set([...own, ...old].filter(isAlive).map(placeOf));
  const wanted = new Set(nodes);
  const { minimumHealthyPercent = 0 } = deploymentConfigurationOf(service);
  const { lower } = boundsOf({ desired: nodes.length, minimumHealthyPercent, maximumPercent: 100 });
  const isLeaving = ({ is }: ClassifiedTask) => is === 'stopping';
  const astray = [...own, ...old].filter((each) => isAlive(each) && !isLeaving(each) && !wanted.has(placeOf(each)));
  const unhealthy = own.filter((each) => each.is === 'unhealthy' && !astray.includes(each));
  const replaced = old.filter((each) => isAlive(each) && !isLeaving(each) && !astray.includes(each));
  const spare = Math.max(0, tally([...own, ...old]).healthy - lower);
  const idle = replaced.filter(({ is }) => is !== 'healthy');
  const serving = replaced.filter(({ is }) => is === 'healthy').slice(0, spare);
  return {
    start: nodes.filter((node) => !occupied.has(node)),
    stop: [...astray, ...unhealthy, ...idle, ...serving],
    isSteady: tally(own).healthy === nodes.length && !old.some(isAlive) && !own.some(isLeaving),
  };
}

function placeOf({ task }: ClassifiedTask): string {
  return task.spec.containerInstance ?? task.status?.containerInstance ?? '';
}

function takesDaemon(node: Node, { spec }: Service): boolean {
  const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  if (!isReady || node.spec?.unschedulable) return false;
  return (spec.placementConstraints ?? []).every(
    ({ type, expression }) => type !== 'memberOf' || !expression || matchesAny(node, queryOf(expression)),
  );
}

/** An expression that is none fits nothing; the tasks of such a service would say why. */
function queryOf(expression: string): ReturnType<typeof parseQuery> {
  try {
    return parseQuery(expression);
  } catch {
    return [];
  }
}
