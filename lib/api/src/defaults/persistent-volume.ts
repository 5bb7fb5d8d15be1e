import { formatQuantity, roundToMilli, tryParseQuantity } from '../quantity.ts';
import type { PersistentVolumeClaimSpec } from '../types.ts';
import { canonicalList, canonicalResources } from './resource-list.ts';

/** Of claims, and of templates for claims. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  spec.resources ??= {};
  canonicalResources(spec.resources);
  shareDataSource(spec);
}

/** `dataSourceRef` is the newer field; one that names nothing of another namespace is in both. */
function shareDataSource(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...source } = dataSourceRef;
    spec.dataSource = source;
  }
}

/** Storage, as volumes and classes of volumes give it. */
export function canonicalCapacity(capacity: Record<string, string> | undefined): void {
  if (capacity) canonicalList(capacity);
}

export function canonicalAmount(text: string): string {
  const parsed = tryParseQuantity(text);
  return parsed ? formatQuantity(roundToMilli(parsed)) : text;
}
