import type { CSIDriver, CSIDriverSpec } from '@slipway/api/types';
import { type FieldError, duplicate, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { validateDriverName } from '@slipway/api/validation/network-disks';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, dropGeneration } from '../generation.ts';

const modes = ['Ephemeral', 'Persistent'];
const groupPolicies = ['ReadWriteOnceWithFSType', 'File', 'None'];
/** A token shorter than ten minutes is none; one longer than 2^32 seconds cannot be written down. */
const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

export const csiDriverStrategy: Strategy<CSIDriver> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'csidrivers'),
  answersDeletedObject: true,
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= {};
    const { spec } = draft;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  prepareCreate: dropGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.spec, old.spec),
  validate({ metadata, spec }) {
    const errors: FieldError[] = [];
    validateDriverName(errors, metadata.name ?? '', 'metadata.name');
    for (const mode of spec.volumeLifecycleModes ?? []) {
      if (!modes.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, modes));
    }
    const policy = spec.fsGroupPolicy ?? '';
    if (!groupPolicies.includes(policy)) errors.push(notSupported('spec.fsGroupPolicy', policy, groupPolicies));
    validateTokenRequests(errors, spec.tokenRequests ?? [], 'spec.tokenRequests');
    const period = spec.nodeAllocatableUpdatePeriodSeconds;
    if (period !== undefined && period < 10) {
      const detail = 'must be greater than or equal to 10 seconds';
      errors.push(invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, detail));
    }
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    for (const field of ['attachRequired', 'volumeLifecycleModes'] as const) {
      if (semanticEqual(spec[field], old[field])) continue;
      errors.push(invalid(`spec.${field}`, spec[field], 'field is immutable'));
    }
    return errors;
  },
};

function validateTokenRequests(
  errors: FieldError[],
  requests: NonNullable<CSIDriverSpec['tokenRequests']>,
  path: string,
): void {
  const audiences = new Set<string>();
  requests.forEach(({ audience, expirationSeconds: seconds }, i) => {
    const at = `${path}[${i}]`;
    if (audience === undefined) errors.push(required(`${at}.audience`));
    else if (audiences.has(audience)) errors.push(duplicate(`${at}.audience`, audience));
    audiences.add(audience ?? '');
    if (seconds === undefined) return;
    if (seconds < tokenSecondsMin) {
      errors.push(invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'));
    }
    if (seconds > tokenSecondsMax) {
      errors.push(invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'));
    }
  });
}
