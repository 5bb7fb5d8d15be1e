import { canonicalList } from '@slipway/api/defaults/resource-list';
import { cidrProblems } from '@slipway/api/ip-address';
import { labelValueProblems, qualifiedNameProblems } from '@slipway/api/names';
import { tryParseQuantity } from '@slipway/api/quantity';
import type { Node, NodeSpec, Taint } from '@slipway/api/types';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import { validateTaintEffect } from '@slipway/api/validation/pod-spec-scheduling';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

export const nodeStrategy: Strategy<Node> = {
  resource: descriptorOf('', 'v1', 'nodes'),
  defaults(draft) {
    draft.spec ??= {};
    if (draft.spec.unschedulable === false) delete draft.spec.unschedulable;
    const { status } = draft;
    if (!status) return;
    if (status.capacity) canonicalList(status.capacity);
    if (status.allocatable) canonicalList(status.allocatable);
    else if (status.capacity) status.allocatable = { ...status.capacity };
  },
  // A node agent registers its node with a status.
  prepareCreate: dropGeneration,
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    if (draft.spec.taints) validateTaints(errors, draft.spec.taints, 'spec.taints');
    draft.spec.podCIDRs?.forEach((cidr, i) => {
      pushInvalid(errors, `spec.podCIDRs[${i}]`, cidr, cidrProblems(cidr));
    });
    for (const field of ['capacity', 'allocatable'] as const) {
      validateAmounts(errors, draft.status?.[field] ?? {}, `status.${field}`);
    }
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    validateSpecUpdate(errors, draft.spec, old.spec);
    return errors;
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
};

function validateTaints(errors: FieldError[], taints: readonly Taint[], path: string): void {
  const seen = new Set<string>();
  taints.forEach((taint, i) => {
    const at = `${path}[${i}]`;
    const { key = '', value = '', effect = '' } = taint;
    pushInvalid(errors, `${at}.key`, key, qualifiedNameProblems(key));
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalid(`${at}.value`, value, problems.join(';')));
    if (effect === '') errors.push(required(`${at}.effect`));
    else validateTaintEffect(errors, effect, `${at}.effect`);
    const pair = `${effect}/${key}`;
    if (seen.has(pair)) errors.push(duplicate(at, taint, 'taints must be unique by key and effect pair'));
    seen.add(pair);
  });
}

function validateAmounts(errors: FieldError[], amounts: Readonly<Record<string, string>>, path: string): void {
  for (const [name, text] of Object.entries(amounts)) {
    const at = `${path}[${name}]`;
    pushInvalid(errors, at, name, qualifiedNameProblems(name));
    const amount = tryParseQuantity(text);
    if (!amount || amount.nanos < 0n) errors.push(invalid(at, text, 'must be greater than or equal to 0'));
  }
}

function validateSpecUpdate(errors: FieldError[], spec: NodeSpec, old: NodeSpec): void {
  if (old.podCIDRs?.length && !semanticEqual(spec.podCIDRs, old.podCIDRs)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    errors.push(forbidden('spec.podCIDRs', detail));
  }
  if (old.providerID && spec.providerID !== old.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.push(forbidden('spec.providerID', detail));
  }
  const { taints, unschedulable, podCIDR, podCIDRs, providerID, configSource } = old;
  const now = { ...spec, taints, unschedulable, podCIDR, podCIDRs, providerID, configSource };
  if (!semanticEqual(now, old)) {
    errors.push(forbidden('spec', 'node updates may only change labels, taints, or capacity'));
  }
}
