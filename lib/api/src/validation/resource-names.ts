/** Names of resources where they are limited or counted for a whole namespace. */
import { qualifiedNameProblems } from '../names.ts';
import { quantityMilliValue, tryParseQuantity } from '../quantity.ts';
import { type FieldError, invalid, pushInvalid } from './field-error.ts';

const hugePages = 'hugepages-';
const objectCounts = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
];
const compute = [
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
  'requests.storage',
  'ephemeral-storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
];
const standard = new Set([...objectCounts, ...compute, 'storage']);
const ofQuota = new Set([...objectCounts, ...compute]);
const whole = new Set(objectCounts);

export function isQuotaResource(name: string): boolean {
  return ofQuota.has(name) || name.startsWith(hugePages) || name.startsWith(`requests.${hugePages}`);
}

/** What pods of every kind of scope are counted by. */
export function isPodComputeResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || /^(requests|limits)\.(cpu|memory)$/.test(name);
}

/** Of LimitRanges for claims and for types that somebody else defines. */
export function validateStandardResourceName(errors: FieldError[], name: string, path: string): void {
  const detail = 'must be a standard resource type or fully qualified';
  validateName(errors, name, path, standard.has(name) || name.startsWith(hugePages), detail);
}

export function validateQuotaResourceName(errors: FieldError[], name: string, path: string): void {
  validateName(errors, name, path, isQuotaResource(name), 'must be a standard resource for quota');
}

function validateName(errors: FieldError[], name: string, path: string, isKnown: boolean, detail: string): void {
  const problems = qualifiedNameProblems(name);
  pushInvalid(errors, path, name, problems);
  if (problems.length === 0 && !name.includes('/') && !isKnown) errors.push(invalid(path, name, detail));
}

/** Never negative, and whole where things are counted. */
export function validateQuotaAmount(errors: FieldError[], name: string, text: string, path: string): void {
  const amount = tryParseQuantity(text);
  if (!amount || amount.nanos < 0n) {
    errors.push(invalid(path, text, 'must be greater than or equal to 0'));
  }
  if (amount && (whole.has(name) || name.startsWith('count/')) && quantityMilliValue(amount) % 1000n !== 0n) {
    errors.push(invalid(path, text, 'must be an integer'));
  }
}
