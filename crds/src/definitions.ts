/** The kinds that this platform brings along beside those of Kubernetes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@slipway/api/types';
import { parse } from 'yaml';

export const room = join(import.meta.dirname, '..');

/** One file for each kind, below the folder of its group. */
export const definitionFiles: readonly string[] = [
  'networks/network.yaml',
  'networks/network-subnet.yaml',
  'networks/network-address.yaml',
  'networks/network-attachment-definition.yaml',
  'networks/address-pool.yaml',
  'ecs/account-setting.yaml',
  'ecs/capacity-provider.yaml',
  'ecs/cluster.yaml',
  'ecs/container-instance.yaml',
  'ecs/service.yaml',
  'ecs/service-deployment.yaml',
  'ecs/service-revision.yaml',
  'ecs/task.yaml',
  'ecs/task-definition.yaml',
  'ecs/task-definition-family.yaml',
];

let parsed: readonly KubeObject[] | undefined;

/** All of them, as CustomResourceDefinitions of apiextensions.k8s.io/v1: always the same objects, as parsing them takes a fifth of a second. */
export function definitions(): readonly KubeObject[] {
  parsed ??= definitionFiles.map((file) => parse(readFileSync(join(room, file), 'utf8')) as KubeObject);
  return parsed;
}
