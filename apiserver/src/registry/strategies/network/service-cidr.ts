import { cidrProblems, formatIp, parseCidr } from '@slipway/api/ip-address';
import type { ServiceCIDR } from '@slipway/api/types';
import { validateConditions } from '@slipway/api/validation/conditions';
import { type FieldError, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

/** A range that Services take their addresses from: one block, or one of each family. */
export const serviceCidrStrategy: Strategy<ServiceCIDR> = {
  resource: descriptorOf('networking.k8s.io', 'v1', 'servicecidrs'),
  defaults(draft) {
    draft.spec ??= {};
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = {};
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const cidrs = spec.cidrs ?? [];
    const path = 'spec.cidrs';
    if (cidrs.length === 0) errors.push(required(path, 'at least one CIDR required'));
    if (cidrs.length > 2) errors.push(invalid(path, cidrs, 'may only hold up to 2 values'));
    const blocks = cidrs.map((cidr) => parseCidr(cidr));
    if (blocks.length === 2 && blocks[0] && blocks[0].family === blocks[1]?.family) {
      const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96';
      errors.push(invalid(path, cidrs, detail));
    }
    cidrs.forEach((cidr, i) => {
      validateCidr(errors, cidr, `${path}[${i}]`);
    });
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    const [now, before] = [spec.cidrs ?? [], old.cidrs ?? []];
    // A range of one family may be given one of the other; nothing else changes.
    if (now.length !== before.length && !(before.length === 1 && now.length === 2)) {
      errors.push(invalid('spec.cidrs', now, 'field is immutable'));
    }
    before.forEach((cidr, i) => {
      if (now[i] !== undefined && now[i] !== cidr) {
        errors.push(invalid(`spec.cidrs[${i}]`, now[i], 'field is immutable'));
      }
    });
    return errors;
  },
  status: {
    validateUpdate({ status }) {
      const errors: FieldError[] = [];
      validateConditions(errors, status?.conditions, 'status.conditions');
      return errors;
    },
  },
};

function validateCidr(errors: FieldError[], cidr: string, path: string): void {
  const block = parseCidr(cidr);
  if (!block) {
    pushInvalid(errors, path, cidr, cidrProblems(cidr));
    return;
  }
  const canonical = `${formatIp({ family: block.family, value: block.base })}/${block.prefixLength}`;
  if (canonical !== cidr) {
    errors.push(invalid(path, cidr, `must be in canonical form ("${canonical}")`));
  }
}
