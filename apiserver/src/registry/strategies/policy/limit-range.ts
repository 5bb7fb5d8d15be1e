import { canonicalList } from '@slipway/api/defaults/resource-list';
import { qualifiedNameProblems } from '@slipway/api/names';
import { compareQuantities, formatQuantity, parseQuantity, tryParseQuantity } from '@slipway/api/quantity';
import type { LimitRange, LimitRangeItem, LimitRangeSpec } from '@slipway/api/types';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import { isOvercommitAllowed, validateResourceName } from '@slipway/api/validation/pod-spec-resources';
import { validateStandardResourceName } from '@slipway/api/validation/resource-names';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const types = ['Container', 'PersistentVolumeClaim', 'Pod'];
const amountFields = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

export const limitRangeStrategy: Strategy<LimitRange> = {
  resource: descriptorOf('', 'v1', 'limitranges'),
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.spec ??= {} as LimitRangeSpec;
    for (const item of draft.spec.limits ?? []) {
      for (const field of amountFields) if (item[field]) canonicalList(item[field]);
      if (item.type === 'Container') defaultContainerLimits(item);
    }
  },
  prepareCreate: dropGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const seen = new Set<string>();
    spec.limits?.forEach((item, i) => {
      const at = `spec.limits[${i}]`;
      const { type = '' } = item;
      validateType(errors, type, `${at}.type`);
      if (seen.has(type)) errors.push(duplicate(`${at}.type`, type));
      seen.add(type);
      validateItem(errors, item, at);
    });
    return errors;
  },
};

/** A limit nobody named is the maximum; a request nobody named is the limit, or else the minimum. */
function defaultContainerLimits(item: LimitRangeItem): void {
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

function validateType(errors: FieldError[], type: string, path: string): void {
  const problems = qualifiedNameProblems(type);
  pushInvalid(errors, path, type, problems);
  if (problems.length > 0 || type.includes('/') || types.includes(type)) return;
  errors.push(invalid(path, type, 'must be a standard limit type or fully qualified'));
}

function validateItem(errors: FieldError[], item: LimitRangeItem, path: string): void {
  const names = new Set<string>();
  for (const field of amountFields) {
    const amounts = Object.keys(item[field] ?? {});
    if (item.type === 'Pod' && (field === 'default' || field === 'defaultRequest')) {
      if (amounts.length > 0) errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    for (const name of amounts) {
      names.add(name);
      const at = `${path}.${field}[${name}]`;
      if (item.type === 'Pod' || item.type === 'Container') validateResourceName(errors, name, at);
      else validateStandardResourceName(errors, name, at);
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, detail));
  }
  for (const name of names) validateAmounts(errors, item, name, path);
}

interface Rule {
  /** The smaller amount, by its field and its name in texts. */
  readonly low: readonly [field: (typeof amountFields)[number], text: string];
  readonly high: readonly [field: (typeof amountFields)[number], text: string];
  /** The field that the error is about, and whose amount it shows. */
  readonly about: (typeof amountFields)[number];
  readonly shown: 'low' | 'high';
}

const rules: readonly Rule[] = [
  { low: ['min', 'min value'], high: ['max', 'max value'], about: 'min', shown: 'low' },
  {
    low: ['min', 'min value'],
    high: ['defaultRequest', 'default request value'],
    about: 'defaultRequest',
    shown: 'high',
  },
  {
    low: ['defaultRequest', 'default request value'],
    high: ['max', 'max value'],
    about: 'defaultRequest',
    shown: 'low',
  },
  {
    low: ['defaultRequest', 'default request value'],
    high: ['default', 'default limit value'],
    about: 'defaultRequest',
    shown: 'low',
  },
  { low: ['min', 'min value'], high: ['default', 'default value'], about: 'default', shown: 'low' },
  { low: ['default', 'default value'], high: ['max', 'max value'], about: 'default', shown: 'high' },
];

function validateAmounts(errors: FieldError[], item: LimitRangeItem, name: string, path: string): void {
  const amountOf = (field: (typeof amountFields)[number]) => tryParseQuantity(item[field]?.[name] ?? '');
  for (const { low, high, about, shown } of rules) {
    const [smaller, larger] = [amountOf(low[0]), amountOf(high[0])];
    if (!smaller || !larger || compareQuantities(smaller, larger) <= 0) continue;
    const detail = `${low[1]} ${formatQuantity(smaller)} is greater than ${high[1]} ${formatQuantity(larger)}`;
    errors.push(invalid(`${path}.${about}[${name}]`, formatQuantity(shown === 'low' ? smaller : larger), detail));
  }
  validateRatio(errors, item, name, `${path}.maxLimitRequestRatio[${name}]`);
  const [limit, request] = [amountOf('default'), amountOf('defaultRequest')];
  if (!limit || !request || isOvercommitAllowed(name) || compareQuantities(limit, request) === 0) return;
  const [limitText, requestText] = [formatQuantity(limit), formatQuantity(request)];
  const detail = `default value ${limitText} must equal to defaultRequest value ${requestText} in ${name}`;
  errors.push(invalid(`${path}.defaultRequest[${name}]`, requestText, detail));
}

const one = parseQuantity('1');

function validateRatio(errors: FieldError[], item: LimitRangeItem, name: string, path: string): void {
  const ratio = tryParseQuantity(item.maxLimitRequestRatio?.[name] ?? '');
  if (!ratio) return;
  const text = formatQuantity(ratio);
  if (compareQuantities(ratio, one) < 0) errors.push(invalid(path, text, `ratio ${text} is less than 1`));
  const [min, max] = [tryParseQuantity(item.min?.[name] ?? ''), tryParseQuantity(item.max?.[name] ?? '')];
  if (!min || !max || min.nanos <= 0n) return;
  const limit = Number(max.nanos) / Number(min.nanos);
  if (Number(ratio.nanos) / 1e9 > limit) {
    errors.push(invalid(path, text, `ratio ${text} is greater than max/min = ${limit.toFixed(6)}`));
  }
}
