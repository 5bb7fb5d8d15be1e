import { parseClusterArn } from '@slipway/api/ecs/task-metadata';
import type { ObservedTask } from './observed-task.ts';

/** Of tasks that did not come through the ECS API: the region of a node that does not say its own, and the account of a platform that has none. */
const regionDefault = 'us-east-1';
const accountDefault = '000000000000';

export interface TaskArns {
  /** ECS' name of the cluster. */
  readonly cluster: string;
  readonly clusterArn: string;
  readonly taskArn: string;
  containerArn(name: string): string;
  instanceArn(node: string): string;
}

/** Pure. Equal to those of the ECS API when it is asked in the region that the task was made in. */
export function taskArns({ facts, pod, node }: Pick<ObservedTask, 'facts' | 'pod' | 'node'>): TaskArns {
  const fallback = {
    prefix: `arn:aws:ecs:${node.region ?? regionDefault}:${accountDefault}:`,
    cluster: pod.namespace,
  };
  const { prefix, cluster } = parseClusterArn(facts.clusterArn) ?? fallback;
  return {
    cluster,
    clusterArn: `${prefix}cluster/${cluster}`,
    taskArn: `${prefix}task/${cluster}/${pod.name}`,
    instanceArn: (node) => `${prefix}container-instance/${cluster}/${node}`,
    containerArn: (name) => `${prefix}container/${cluster}/${pod.name}/${name}`,
  };
}
