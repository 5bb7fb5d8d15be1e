import { canonicalCapacity } from '@slipway/api/defaults/persistent-volume';
import { defaultNetworkDisk } from '@slipway/api/defaults/volume';
import type { PersistentVolume, PersistentVolumeSpec } from '@slipway/api/types';
import { differences } from '@slipway/api/validation/differences';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { validateDriverName, validateNetworkDisk } from '@slipway/api/validation/network-disks';
import { validateNoBacksteps } from '@slipway/api/validation/path';
import {
  validateAccessModes,
  validateClassName,
  validatePositiveAmount,
  validateVolumeMode,
} from '@slipway/api/validation/persistent-volume';
import { validateNodeSelectorTerm } from '@slipway/api/validation/pod-spec-scheduling';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { formatTime } from '@slipway/kit/clock';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  resource: descriptorOf('', 'v1', 'persistentvolumes'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.spec ??= {};
    const { spec } = draft;
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    canonicalCapacity(spec.capacity);
    if (spec.hostPath) spec.hostPath.type ??= '';
    defaultNetworkDisk(spec);
    draft.status ??= {};
    draft.status.phase ||= 'Pending';
  },
  prepareCreate(draft, { nowMs }) {
    dropGeneration(draft);
    draft.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(nowMs) };
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateSpec(errors, spec, 'spec');
    validateSource(errors, spec, 'spec');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    const [now, before] = [sourceOf(spec), sourceOf(old)];
    if (!semanticEqual(now, before)) {
      const changed = differences(now, before, 'spec.persistentvolumesource').join('\n');
      const detail = `spec.persistentvolumesource is immutable after creation\n${changed}`;
      errors.push(forbidden('spec.persistentvolumesource', detail));
    }
    if (spec.volumeMode !== old.volumeMode) {
      errors.push(invalid('volumeMode', spec.volumeMode, 'field is immutable'));
    }
    if (old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
      errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
    }
    if (old.nodeAffinity && !semanticEqual(spec.nodeAffinity, old.nodeAffinity)) {
      errors.push(invalid('nodeAffinity', spec.nodeAffinity, 'field is immutable'));
    }
    return errors;
  },
  status: {
    prepareUpdate(draft, old, { nowMs }) {
      const { status = {} } = draft;
      const time = old.status?.lastPhaseTransitionTime;
      if (status.phase !== old.status?.phase && status.lastPhaseTransitionTime === time) {
        draft.status = { ...status, lastPhaseTransitionTime: formatTime(nowMs) };
      }
    },
  },
};

function validateSpec(errors: FieldError[], spec: PersistentVolumeSpec, path: string): void {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy = '', nodeAffinity } = spec;
  if (accessModes.length === 0) errors.push(required(`${path}.accessModes`));
  validateAccessModes(errors, accessModes, `${path}.accessModes`);
  const amounts = Object.entries(capacity);
  if (amounts.length === 0) errors.push(required(`${path}.capacity`));
  if (capacity.storage === undefined || amounts.length > 1) {
    errors.push(notSupported(`${path}.capacity`, capacity, ['storage']));
  }
  for (const [name, amount] of amounts) validatePositiveAmount(errors, amount, `${path}.capacity[${name}]`);
  if (!reclaimPolicies.includes(policy)) {
    errors.push(notSupported(`${path}.persistentVolumeReclaimPolicy`, policy, reclaimPolicies));
  }
  if (nodeAffinity) {
    const terms = nodeAffinity.required?.nodeSelectorTerms;
    const at = `${path}.nodeAffinity.required`;
    if (!nodeAffinity.required) errors.push(required(at, 'must specify required node constraints'));
    else if (!terms?.length) {
      errors.push(required(`${at}.nodeSelectorTerms`, 'must have at least one node selector term'));
    }
    terms?.forEach((term, i) => {
      validateNodeSelectorTerm(errors, term, `${at}.nodeSelectorTerms[${i}]`);
    });
  }
  validateClassName(errors, spec.storageClassName, `${path}.storageClassName`);
  validateVolumeMode(errors, spec.volumeMode, `${path}.volumeMode`);
  validateAttributesClass(errors, spec, path);
}

/** Classes of attributes are CSI drivers' own. */
function validateAttributesClass(
  errors: FieldError[],
  { volumeAttributesClassName: name, csi }: PersistentVolumeSpec,
  path: string,
): void {
  if (name === undefined) return;
  const at = `${path}.volumeAttributesClassName`;
  if (name === '') errors.push(required(at, 'an empty string is disallowed'));
  else validateClassName(errors, name, at);
  if (!csi) errors.push(required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName'));
}

/** Everything of a spec that does not say where the volume is. */
const generalFields = [
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
] as const;

function sourceOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  const source: Record<string, unknown> = { ...spec };
  for (const field of generalFields) delete source[field];
  // Secrets for expansion may be named later.
  const csi = spec.csi;
  if (csi) source.csi = { ...csi, controllerExpandSecretRef: undefined };
  return source;
}

function validateSource(errors: FieldError[], spec: PersistentVolumeSpec, path: string): void {
  const types = Object.entries(sourceOf(spec)).filter(([, source]) => source !== undefined);
  if (types.length === 0) errors.push(required(path, 'must specify a volume type'));
  for (const [type] of types.slice(1)) {
    errors.push(forbidden(`${path}.${type}`, 'may not specify more than 1 volume type'));
  }
  for (const [type, source] of types) validateNetworkDisk(errors, type, source as object, `${path}.${type}`);
  const { hostPath, nfs, local, csi } = spec;
  if (hostPath) {
    if (!hostPath.path) errors.push(required(`${path}.hostPath.path`));
    validateNoBacksteps(errors, hostPath.path ?? '', `${path}.hostPath.path`);
    if (/^\/+$/.test(hostPath.path ?? '') && spec.persistentVolumeReclaimPolicy === 'Recycle') {
      const detail = "may not be 'recycle' for a hostPath mount of '/'";
      errors.push(forbidden(`${path}.persistentVolumeReclaimPolicy`, detail));
    }
  }
  if (nfs) {
    if (!nfs.server) errors.push(required(`${path}.nfs.server`));
    if (!nfs.path) errors.push(required(`${path}.nfs.path`));
    else if (!nfs.path.startsWith('/')) {
      errors.push(invalid(`${path}.nfs.path`, nfs.path, 'must be an absolute path'));
    }
  }
  if (local) {
    if (!local.path) errors.push(required(`${path}.local.path`));
    validateNoBacksteps(errors, local.path ?? '', `${path}.local.path`);
    if (!spec.nodeAffinity) errors.push(required('metadata.annotations', 'Local volume requires node affinity'));
  }
  if (csi) validateCsi(errors, csi, `${path}.csi`);
}

function validateCsi(errors: FieldError[], csi: NonNullable<PersistentVolumeSpec['csi']>, path: string): void {
  validateDriverName(errors, csi.driver ?? '', `${path}.driver`);
  if (!csi.volumeHandle) errors.push(required(`${path}.volumeHandle`));
  for (const field of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const) {
    const reference = csi[field];
    if (!reference) continue;
    if (!reference.name) errors.push(required(`${path}.${field}.name`));
    if (!reference.namespace) errors.push(required(`${path}.${field}.namespace`));
  }
}
