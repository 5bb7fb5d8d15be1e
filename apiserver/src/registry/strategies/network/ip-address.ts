import { formatIp, ipProblems, parseIp } from '@slipway/api/ip-address';
import { dnsSubdomainProblems, pathSegmentProblems } from '@slipway/api/names';
import type { IPAddress, IPAddressSpec } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

/** An address and whose it is; its name is the address. */
export const ipAddressStrategy: Strategy<IPAddress> = {
  resource: descriptorOf('networking.k8s.io', 'v1', 'ipaddresses'),
  validateName(name) {
    const address = parseIp(name);
    if (!address) return ipProblems(name);
    const canonical = formatIp(address);
    return canonical === name ? [] : [`must be in canonical form ("${canonical}")`];
  },
  defaults(draft) {
    draft.spec ??= {} as IPAddressSpec;
  },
  prepareCreate: dropGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const parent = spec.parentRef;
    if (!parent) return [required('spec.parentRef')];
    const { group = '', resource = '', namespace = '', name = '' } = parent;
    if (group !== '') pushInvalid(errors, 'spec.parentRef.group', group, dnsSubdomainProblems(group));
    for (const [field, value] of [
      ['resource', resource],
      ['name', name],
    ] as const) {
      if (value === '') errors.push(required(`spec.parentRef.${field}`));
      else pushInvalid(errors, `spec.parentRef.${field}`, value, pathSegmentProblems(value, false));
    }
    pushInvalid(errors, 'spec.parentRef.namespace', namespace, pathSegmentProblems(namespace, false));
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    if (semanticEqual(spec.parentRef, old.parentRef)) return [];
    return [invalid('spec.parentRef', spec.parentRef, 'field is immutable')];
  },
};
