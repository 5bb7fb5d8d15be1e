import { dnsSubdomainProblems } from '@slipway/api/names';
import type { ResourceSlice, ResourceSliceSpec } from '@slipway/api/types';
import { validateDevice } from '@slipway/api/validation/device';
import { validateDevicePool } from '@slipway/api/validation/device-allocation';
import { validateDeviceDriver } from '@slipway/api/validation/device-claim';
import {
  type FieldError,
  duplicate,
  invalid,
  pushInvalid,
  required,
  tooMany,
} from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

const devicesMax = 128;
const places = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

/** Devices that a driver offers: on one node, on some, or on all. */
export const resourceSliceStrategy: Strategy<ResourceSlice> = {
  resource: descriptorOf('resource.k8s.io', 'v1', 'resourceslices'),
  defaults(draft) {
    draft.spec ??= {} as ResourceSliceSpec;
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.spec, old.spec),
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateDeviceDriver(errors, spec.driver ?? '', 'spec.driver');
    validatePool(errors, spec);
    validatePlace(errors, spec);
    const devices = spec.devices ?? [];
    if (devices.length > devicesMax) errors.push(tooMany('spec.devices', devices.length, devicesMax));
    const names = new Set<string>();
    devices.forEach((device, i) => {
      const at = `spec.devices[${i}]`;
      const { name = '' } = device;
      validateDevice(errors, device, at, { hasOwnPlace: spec.perDeviceNodeSelection === true });
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    });
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    const refuse = (path: string, value: unknown) => errors.push(invalid(path, value, 'field is immutable'));
    if (spec.driver !== old.driver) refuse('spec.driver', spec.driver);
    if (spec.pool?.name !== old.pool?.name) refuse('spec.pool.name', spec.pool?.name);
    if (spec.nodeName !== old.nodeName) refuse('spec.nodeName', spec.nodeName);
    return errors;
  },
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
};

function validatePool(errors: FieldError[], { pool }: ResourceSliceSpec): void {
  const { name = '', resourceSliceCount = 0, generation = 0 } = pool ?? {};
  validateDevicePool(errors, name, 'spec.pool.name');
  if (resourceSliceCount <= 0) {
    errors.push(invalid('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero'));
  }
  if (generation < 0) {
    errors.push(invalid('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  }
}

function validatePlace(errors: FieldError[], spec: ResourceSliceSpec): void {
  const given = places.filter((place) => spec[place] !== undefined && spec[place] !== false && spec[place] !== '');
  const names = places.map((place) => `\`${place}\``).join(', ');
  if (given.length === 0) errors.push(required('spec', `exactly one of ${names} is required`));
  else if (given.length > 1) {
    const list = `{${given.map((place) => `\`${place}\``).join(', ')}}`;
    errors.push(invalid('spec', list, `exactly one of ${names} is required, but multiple fields are set`));
  }
  if (spec.nodeName) pushInvalid(errors, 'spec.nodeName', spec.nodeName, dnsSubdomainProblems(spec.nodeName));
}
