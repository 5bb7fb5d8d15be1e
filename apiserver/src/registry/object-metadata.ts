/** What the server does to the metadata of every object, whatever its kind. Pure. */
import type { KubeObject, ObjectMeta } from '@slipway/api/types';
import { type FieldError, forbidden, invalid } from '@slipway/api/validation/field-error';
import type { Random } from '@slipway/kit/random';
import { formatTime } from '@slipway/kit/clock';
import { flatText } from '@slipway/kit/flat-text';
import { badRequest } from './status-errors.ts';

/** A generated name stays a DNS label: 63 characters with the suffix. */
const generatedPrefixMax = 58;
const generatedSuffixLength = 5;

export function generatedName(prefix: string, random: Random): string {
  return flatText(prefix.slice(0, generatedPrefixMax), random.suffix(generatedSuffixLength));
}

/** The object goes where the path says, or it is refused; a namespace on a cluster-scoped object is dropped. */
export function placeInNamespace(draft: KubeObject, namespace: string | undefined): void {
  const { metadata } = draft;
  if (namespace === undefined) {
    delete metadata.namespace;
  } else if (!metadata.namespace) {
    metadata.namespace = namespace;
  } else if (metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/** Brings the metadata of a new object into a fixed order, with what only the server may set. */
export function newMetadata(given: ObjectMeta, made: { nowMs: number; uid: string }): ObjectMeta {
  const metadata: ObjectMeta = { ...given, uid: made.uid, creationTimestamp: formatTime(made.nowMs) };
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  return metadata;
}

/** What an update leaves out or may not touch comes from the stored object. */
export function keepSystemMetadata(draft: KubeObject, old: KubeObject): void {
  const kept = old.metadata;
  const metadata = draft.metadata;
  metadata.uid ||= kept.uid;
  assign(metadata, 'creationTimestamp', kept.creationTimestamp);
  assign(metadata, 'generation', kept.generation);
  if (kept.deletionTimestamp !== undefined) metadata.deletionTimestamp = kept.deletionTimestamp;
  if (kept.deletionGracePeriodSeconds !== undefined) {
    metadata.deletionGracePeriodSeconds ??= kept.deletionGracePeriodSeconds;
  }
  delete metadata.selfLink;
}

function assign<K extends keyof ObjectMeta>(metadata: ObjectMeta, field: K, value: ObjectMeta[K]): void {
  if (value === undefined) delete metadata[field];
  else metadata[field] = value;
}

const immutableFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

export function validateMetadataUpdate(draft: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (draft.finalizers ?? []).filter((name) => !old.finalizers?.includes(name));
    if (added.length > 0) {
      const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
        ),
      );
    }
  }
  for (const field of immutableFields) {
    if (draft[field] !== old[field]) errors.push(invalid(`metadata.${field}`, draft[field], 'field is immutable'));
  }
  return errors;
}
