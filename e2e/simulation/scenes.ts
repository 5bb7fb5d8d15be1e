/** What a run is about: the kinds that users make, how nodes are labelled, and what must hold. */
import type { OwnKinds } from '@slipway/apiserver';
import type { Client } from '@slipway/client/client';
import { definitions } from '@slipway/crds';
import { allCheckers, ecsCheckers } from './checkers/all-checkers.ts';
import type { Checker } from './checkers/checker.ts';
import { ecsOperations, mendServices } from './users/ecs-operations.ts';
import { type Operation, operations } from './users/operations.ts';
import type { NodeLabels } from './world.ts';

export interface Scene {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** New ones for each run. */
  checkers(): readonly Checker[];
  readonly ownKinds?: OwnKinds;
  readonly nodeLabels?: NodeLabels;
  /** What users left that would go on for ever. */
  cleanUp?(client: Client, signal: AbortSignal): Promise<void>;
}

const shared = new Set(['cordon', 'uncordon', 'taint', 'drain', 'delete pod', 'create namespace', 'create pod']);
const zone = 'topology.kubernetes.io/zone';

export const kubernetes: Scene = { name: 'kubernetes', operations, checkers: allCheckers };

/** Services of ECS, on nodes in two zones. */
export const ecs: Scene = {
  name: 'ecs',
  operations: [...ecsOperations, ...operations.filter(({ name }) => shared.has(name))],
  checkers: ecsCheckers,
  ownKinds: { definitions: definitions(), objects: [] },
  nodeLabels: { n1: { [zone]: 'a' }, n2: { [zone]: 'b' }, n3: { [zone]: 'b' } },
  cleanUp: mendServices,
};

export const scenes: readonly Scene[] = [kubernetes, ecs];
