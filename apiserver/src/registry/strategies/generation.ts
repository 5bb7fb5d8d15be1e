import type { KubeObject } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

/** Kinds that count changes of their spec begin at 1. */
export function startGeneration(draft: KubeObject): void {
  draft.metadata.generation = 1;
}

/** One more when what the user wants has changed, whatever else did. */
export function countGeneration(draft: KubeObject, old: KubeObject, wanted: unknown, wantedBefore: unknown): void {
  const before = old.metadata.generation ?? 0;
  const generation = semanticEqual(wanted, wantedBefore) ? before : before + 1;
  if (generation > 0) draft.metadata.generation = generation;
}

/** Kinds that count nothing take no count from clients either. */
export function dropGeneration(draft: KubeObject): void {
  if (draft.metadata.generation !== undefined) delete draft.metadata.generation;
}

/** The main endpoint changes no status. */
export function keepStatus<T extends KubeObject & { status?: unknown }>(draft: T, old: T): void {
  if (old.status === undefined) delete draft.status;
  else draft.status = old.status;
}
