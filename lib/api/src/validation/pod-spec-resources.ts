import { containerRequests } from '../defaults/pod-spec.ts';
import { qualifiedNameProblems } from '../names.ts';
import { compareQuantities, formatQuantity, type Quantity, quantityMilliValue, tryParseQuantity } from '../quantity.ts';
import type { PodSpec, ResourceRequirements } from '../types.ts';
import { type FieldError, forbidden, invalid, notFound, pushInvalid, required } from './field-error.ts';
import type { PodScope } from './pod-spec-scope.ts';

type ResourceList = Readonly<Record<string, string>>;

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const hugePages = 'hugepages-';

/** Of one container, or of the overhead of a pod. */
export function validateResources(
  errors: FieldError[],
  { limits, requests, claims }: ResourceRequirements,
  path: string,
  scope: Pick<PodScope, 'claimNames'>,
): void {
  if (limits) for (const name of Object.keys(limits)) validateAmount(errors, name, limits, `${path}.limits[${name}]`);
  if (requests) {
    for (const name of Object.keys(requests)) {
      const amount = validateAmount(errors, name, requests, `${path}.requests[${name}]`);
      if (amount) validateWithinLimit(errors, name, amount, limits, path);
    }
  }
  validateHugePages(errors, { ...limits, ...requests }, path);
  if (claims) validateClaims(errors, claims, `${path}.claims`, scope.claimNames);
}

function validateAmount(errors: FieldError[], name: string, list: ResourceList, path: string): Quantity | undefined {
  const text = list[name] ?? '';
  validateResourceName(errors, name, path);
  const amount = tryParseQuantity(text);
  if (!amount) {
    const detail = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    errors.push(invalid(path, text, detail));
    return undefined;
  }
  if (amount.nanos < 0n) errors.push(invalid(path, text, 'must be greater than or equal to 0'));
  if (name.includes('/') && quantityMilliValue(amount) % 1000n !== 0n) {
    errors.push(invalid(path, text, 'must be an integer'));
  }
  if (name.startsWith(hugePages)) {
    const size = tryParseQuantity(name.slice(hugePages.length));
    if (!size || size.nanos <= 0n || amount.nanos % size.nanos !== 0n) {
      errors.push(invalid(path, text, `${text} is not positive integer multiple of ${name}`));
    }
  }
  return amount;
}

export function validateResourceName(errors: FieldError[], name: string, path: string): void {
  if (containerResources.has(name)) return;
  const problems = qualifiedNameProblems(name);
  pushInvalid(errors, path, name, problems);
  if (problems.length > 0) return;
  if (!name.includes('/')) {
    if (!name.startsWith(hugePages)) errors.push(invalid(path, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && name.startsWith('requests.')) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Huge pages and extended resources exist once: what is requested is what is limited. */
export function isOvercommitAllowed(name: string): boolean {
  return isNative(name) && !name.startsWith(hugePages);
}

function validateWithinLimit(
  errors: FieldError[],
  name: string,
  amount: Quantity,
  limits: ResourceList | undefined,
  path: string,
): void {
  const limitText = limits?.[name];
  if (limitText === undefined) {
    if (isOvercommitAllowed(name)) return;
    errors.push(required(`${path}.limits[${name}]`, 'Limit must be set for non overcommitable resources'));
    return;
  }
  const limit = tryParseQuantity(limitText);
  if (!limit) return;
  const order = compareQuantities(amount, limit);
  if (order === 0) return;
  const shown = formatQuantity(amount);
  if (!isOvercommitAllowed(name)) {
    errors.push(invalid(`${path}.requests`, shown, `must be equal to ${name} limit of ${formatQuantity(limit)}`));
  } else if (order > 0) {
    const detail = `must be less than or equal to ${name} limit of ${formatQuantity(limit)}`;
    errors.push(invalid(`${path}.requests`, shown, detail));
  }
}

function validateHugePages(errors: FieldError[], list: ResourceList, path: string): void {
  let hasPages = false;
  for (const name of Object.keys(list)) {
    if (name === 'cpu' || name === 'memory') return;
    hasPages ||= name.startsWith(hugePages);
  }
  if (hasPages) errors.push(forbidden(path, 'HugePages require cpu or memory'));
}

type Claims = NonNullable<ResourceRequirements['claims']>;

function validateClaims(errors: FieldError[], claims: Claims, path: string, known: ReadonlySet<string>): void {
  const seen = new Set<string>();
  claims.forEach(({ name, request = '' }, i) => {
    if (!name) {
      errors.push(required(`${path}[${i}]`));
      return;
    }
    const key = request === '' ? name : `${name}/${request}`;
    if (seen.has(key)) errors.push(invalid(`${path}[${i}]`, key, 'must be unique'));
    seen.add(key);
    if (!known.has(name)) errors.push(notFound(`${path}[${i}]`, name));
  });
}

/** Of the pod as a whole: at least what its containers request together, at least each one's limit. */
export function validatePodResources(errors: FieldError[], spec: PodSpec, path: string, scope: PodScope): void {
  const whole = spec.resources ?? {};
  const at = `${path}.resources`;
  if (whole.claims?.length) {
    errors.push(forbidden(`${at}.claims`, 'claims cannot be set for Resources at pod-level'));
  }
  validateResources(errors, whole, at, scope);
  for (const [name, text] of Object.entries(containerRequests(spec))) {
    const together = tryParseQuantity(text);
    const given = tryParseQuantity(whole.requests?.[name] ?? '0');
    if (!together || !given || compareQuantities(together, given) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container requests of ${formatQuantity(together)}`;
    errors.push(invalid(`${at}.requests[${name}]`, formatQuantity(given), detail));
  }
  spec.containers?.forEach(({ resources }, i) => {
    for (const [name, text] of Object.entries(resources?.limits ?? {})) {
      const wholeText = whole.limits?.[name];
      const limit = tryParseQuantity(text);
      const podLimit = wholeText === undefined ? undefined : tryParseQuantity(wholeText);
      if (!limit || !podLimit || compareQuantities(limit, podLimit) <= 0) continue;
      const detail = `must be less than or equal to pod limits of ${formatQuantity(podLimit)}`;
      errors.push(invalid(`${at}.containers[${i}][${name}].limits`, formatQuantity(limit), detail));
    }
  });
}
