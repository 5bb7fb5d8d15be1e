import { dnsSubdomainProblems } from '@slipway/api/names';
import type { VolumeAttachment, VolumeAttachmentSpec } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import { validateDriverName } from '@slipway/api/validation/network-disks';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'volumeattachments'),
  answersDeletedObject: true,
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= {} as VolumeAttachmentSpec;
    draft.spec.source ??= {};
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = { attached: false };
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { attacher = '', nodeName = '', source } = spec;
    if (attacher === '') errors.push(required('spec.attacher'));
    else validateDriverName(errors, attacher, 'spec.attacher');
    const { persistentVolumeName: name, inlineVolumeSpec } = source ?? {};
    if (name === undefined && !inlineVolumeSpec) {
      errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
    } else if (name !== undefined && inlineVolumeSpec) {
      const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
      errors.push(invalid('spec.source', source, detail));
    } else if (name === '') {
      errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'));
    } else if (name !== undefined) {
      pushInvalid(errors, 'spec.source.persistentVolumeName', name, dnsSubdomainProblems(name));
    }
    if (nodeName === '') errors.push(required('spec.nodeName'));
    pushInvalid(errors, 'spec.nodeName', nodeName, nodeName === '' ? [] : dnsSubdomainProblems(nodeName));
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    return semanticEqual(spec, old) ? [] : [invalid('spec', spec, 'field is immutable')];
  },
};
