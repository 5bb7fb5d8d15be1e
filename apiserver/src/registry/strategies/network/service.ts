import { defaultService, isHeadless } from '@slipway/api/defaults/service';
import { dns1035Name } from '@slipway/api/names';
import type { Service, ServiceSpec } from '@slipway/api/types';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import { serviceWarnings, validateService, validateServiceUpdate } from '@slipway/api/validation/service';
import { allocateService } from '../../allocators/allocate-service.ts';
import type { ServiceAllocators } from '../../allocators/service-allocators.ts';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';
import { dropUnneeded, keepAllocated, pairClusterIps, pairClusterIpsWithOld } from './service-fields.ts';

export function createServiceStrategy(allocators: ServiceAllocators): Strategy<Service> {
  const family = `IPv${allocators.clusterIps.family}` as const;
  return {
    resource: descriptorOf('', 'v1', 'services'),
    validateName: dns1035Name,
    answersDeletedObject: true,
    allowCreateOnUpdate: true,
    defaults: defaultService,
    prepareCreate(draft) {
      dropGeneration(draft);
      draft.status = { loadBalancer: {} };
      pairClusterIps(draft.spec);
      fillFamilies(draft.spec, family);
    },
    prepareUpdate(draft, old) {
      keepStatus(draft, old);
      pairClusterIpsWithOld(draft.spec, old.spec);
      keepAllocated(draft.spec, old.spec);
      dropUnneeded(draft.spec, old.spec);
      fillFamilies(draft.spec, family);
    },
    validate(draft) {
      const errors: FieldError[] = [];
      validateService(errors, draft);
      validateStack(errors, draft.spec, family);
      return errors;
    },
    validateUpdate(draft, old) {
      const errors: FieldError[] = [];
      validateServiceUpdate(errors, draft, old);
      return errors;
    },
    warnings: (draft) => serviceWarnings(draft),
    allocate: (draft, old, context) => allocateService(allocators, draft, old, context),
    selectableFields: {
      'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
      'spec.type': ({ spec }) => spec.type ?? '',
    },
  };
}

/** A headless Service without selector is somebody's own list of endpoints, of whatever family. */
function fillFamilies(spec: ServiceSpec, family: 'IPv4' | 'IPv6'): void {
  if (spec.type === 'ExternalName') return;
  const isOwnList = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= isOwnList ? 'RequireDualStack' : 'SingleStack';
  if (!spec.ipFamilies?.length) {
    const given = spec.clusterIPs?.find((address) => address.includes(':')) ? 'IPv6' : 'IPv4';
    spec.ipFamilies = [isHeadless(spec) || !spec.clusterIPs?.length ? family : given];
  }
  const [first] = spec.ipFamilies;
  if (isOwnList && spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies.length === 1) {
    spec.ipFamilies = first === 'IPv4' ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
  }
}

/** This cluster gives out addresses of one family. */
function validateStack(errors: FieldError[], spec: ServiceSpec, family: string): void {
  if (spec.type === 'ExternalName') return;
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) return;
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, detail));
  }
  spec.ipFamilies?.forEach((given, i) => {
    if (given === family || (given !== 'IPv4' && given !== 'IPv6')) return;
    errors.push(invalid(`spec.ipFamilies[${i}]`, given, 'not configured on this cluster'));
  });
}
