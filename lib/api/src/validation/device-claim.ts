/** What a claim of devices asks for, in a ResourceClaim and in a template of one. */
import {
  byteLength,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '../names.ts';
import type { DeviceClaim, DeviceRequest, DeviceSelector, DeviceToleration, ExactDeviceRequest } from '../types.ts';
import { deviceTaintEffects, validateDeviceKey } from './device.ts';
import {
  type FieldError,
  duplicate,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooLong,
  tooMany,
} from './field-error.ts';

const requestsMax = 32;
const selectorsMax = 32;
const configMax = 32;
const subRequestsMax = 8;
const expressionMax = 10 * 1024;
const parametersMax = 10 * 1024;
const tolerationOperators = ['Equal', 'Exists'];
const modes = ['All', 'ExactCount'];

export function validateSelectors(errors: FieldError[], selectors: readonly DeviceSelector[] = [], path: string): void {
  if (isTooMany(errors, selectors, selectorsMax, path)) return;
  selectors.forEach(({ cel }, i) => {
    const at = `${path}[${i}].cel`;
    if (!cel) errors.push(required(at));
    else if (!cel.expression) errors.push(required(`${at}.expression`));
    else if (cel.expression.length > expressionMax) errors.push(tooLong(`${at}.expression`, expressionMax));
  });
}

interface Configuration {
  readonly opaque?: { readonly driver?: string; readonly parameters?: unknown };
  readonly requests?: readonly string[];
}

/** `limit`: how many there may be. `names`: the requests that configurations may be about; classes have none. */
export function validateConfigurations(
  errors: FieldError[],
  configurations: readonly Configuration[] = [],
  path: string,
  { limit = configMax, names }: { readonly limit?: number; readonly names?: ReadonlySet<string> } = {},
): void {
  if (isTooMany(errors, configurations, limit, path)) return;
  configurations.forEach(({ opaque, requests }, i) => {
    if (names) validateRequestReferences(errors, requests, names, `${path}[${i}].requests`);
    const at = `${path}[${i}].opaque`;
    if (!opaque) {
      errors.push(required(at));
      return;
    }
    validateDeviceDriver(errors, opaque.driver ?? '', `${at}.driver`);
    if (opaque.parameters === undefined || opaque.parameters === null) errors.push(required(`${at}.parameters`));
    else validateRawObject(errors, opaque.parameters, parametersMax, `${at}.parameters`);
  });
}

/** JSON of a driver's own, which must be an object and not longer than the limit. */
export function validateRawObject(errors: FieldError[], value: unknown, limitBytes: number, path: string): void {
  if (byteLength(JSON.stringify(value)) > limitBytes) errors.push(tooLong(path, limitBytes));
  else if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    errors.push(invalid(path, '<value omitted>', 'must be a valid JSON object'));
  }
}

/** Whether the list is so long that upstream looks at none of its items; says so. */
export function isTooMany(errors: FieldError[], list: readonly unknown[], limit: number, path: string): boolean {
  if (list.length > limit) errors.push(tooMany(path, list.length, limit));
  return list.length > limit;
}

const driverMax = 63;

export function validateDeviceDriver(errors: FieldError[], driver: string, path: string): void {
  if (driver === '') errors.push(required(path));
  else pushInvalid(errors, path, driver, dnsSubdomainProblems(driver.toLowerCase()));
  if (driver.length > driverMax) errors.push(tooLong(path, driverMax));
}

export function validateDeviceClaim(errors: FieldError[], claim: DeviceClaim, path: string): void {
  const { requests = [], constraints = [], config = [] } = claim;
  const names = requestNames(claim);
  if (!isTooMany(errors, requests, requestsMax, `${path}.requests`)) {
    const seen = new Set<string>();
    requests.forEach((request, i) => {
      validateRequest(errors, request, `${path}.requests[${i}]`);
    });
    requests.forEach(({ name = '' }, i) => {
      refuseTwice(errors, name, seen, `${path}.requests[${i}]`);
    });
  }
  if (!isTooMany(errors, constraints, configMax, `${path}.constraints`)) {
    constraints.forEach(({ requests: named, matchAttribute, distinctAttribute }, i) => {
      const at = `${path}.constraints[${i}]`;
      validateRequestReferences(errors, named, names, `${at}.requests`);
      if (matchAttribute !== undefined) validateAttributeName(errors, matchAttribute, `${at}.matchAttribute`);
      else if (distinctAttribute !== undefined) {
        validateAttributeName(errors, distinctAttribute, `${at}.distinctAttribute`);
      } else errors.push(required(`${at}.matchAttribute`));
    });
  }
  validateConfigurations(errors, config, `${path}.config`, { names });
}

/** What a claim's requests are called by: `REQUEST`, and `REQUEST/ALTERNATIVE` where there are some. */
export function requestNames({ requests = [] }: DeviceClaim): Set<string> {
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((alternative) => `${name}/${alternative.name}`),
    ]),
  );
}

export function validateRequestReferences(
  errors: FieldError[],
  given: readonly string[] = [],
  names: ReadonlySet<string>,
  path: string,
): void {
  if (isTooMany(errors, given, requestsMax, path)) return;
  given.forEach((name, i) => {
    validateRequestReference(errors, name, names, `${path}[${i}]`);
  });
  const seen = new Set<string>();
  given.forEach((name, i) => {
    refuseTwice(errors, name, seen, `${path}[${i}]`);
  });
}

export function validateRequestReference(
  errors: FieldError[],
  name: string,
  names: ReadonlySet<string>,
  path: string,
): void {
  const parts = name.split('/');
  if (parts.length <= 2) for (const part of parts) validateName(errors, part, path);
  if (names.has(name)) return;
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  errors.push(invalid(path, name, detail));
}

/** `DOMAIN/NAME`, as constraints name the attributes of devices. */
function validateAttributeName(errors: FieldError[], name: string, path: string): void {
  validateDeviceKey(errors, name, path);
  if (!name.includes('/')) {
    errors.push(invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash'));
  }
}

export function refuseTwice(errors: FieldError[], key: string, seen: Set<string>, path: string): void {
  if (seen.has(key)) errors.push(duplicate(path, key));
  seen.add(key);
}

function validateName(errors: FieldError[], name: string, path: string): void {
  if (name === '') errors.push(required(path));
  else pushInvalid(errors, path, name, dnsLabelProblems(name));
}

function validateRequest(errors: FieldError[], request: DeviceRequest, path: string): void {
  const { exactly, firstAvailable = [], name = '' } = request;
  validateName(errors, name, `${path}.name`);
  if (exactly && firstAvailable.length > 0) {
    errors.push(
      invalid(path, undefined, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    );
  } else if (exactly) validateExact(errors, exactly, `${path}.exactly`);
  else if (firstAvailable.length === 0) {
    errors.push(required(path, 'exactly one of `exactly` or `firstAvailable` is required'));
  } else if (!isTooMany(errors, firstAvailable, subRequestsMax, `${path}.firstAvailable`)) {
    firstAvailable.forEach((subRequest, i) => {
      const at = `${path}.firstAvailable[${i}]`;
      validateName(errors, subRequest.name ?? '', `${at}.name`);
      validateExact(errors, subRequest, at);
    });
    const seen = new Set<string>();
    firstAvailable.forEach((subRequest, i) => {
      refuseTwice(errors, subRequest.name ?? '', seen, `${path}.firstAvailable[${i}]`);
    });
  }
}

function validateExact(errors: FieldError[], request: ExactDeviceRequest, path: string): void {
  const { deviceClassName = '', allocationMode = '', count = 0 } = request;
  if (deviceClassName === '') errors.push(required(`${path}.deviceClassName`));
  else pushInvalid(errors, `${path}.deviceClassName`, deviceClassName, dnsSubdomainProblems(deviceClassName));
  validateSelectors(errors, request.selectors, `${path}.selectors`);
  if (!modes.includes(allocationMode)) {
    errors.push(notSupported(`${path}.allocationMode`, allocationMode, modes));
  } else if (allocationMode === 'ExactCount' && count <= 0) {
    errors.push(invalid(`${path}.count`, count, 'must be greater than zero'));
  } else if (allocationMode === 'All' && count !== 0) {
    errors.push(invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'"));
  }
  request.tolerations?.forEach((toleration, i) => {
    validateDeviceToleration(errors, toleration, `${path}.tolerations[${i}]`);
  });
}

export function validateDeviceToleration(errors: FieldError[], toleration: DeviceToleration, path: string): void {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  if (key !== '') pushInvalid(errors, `${path}.key`, key, qualifiedNameProblems(key));
  if (operator === 'Exists') {
    if (value !== '') errors.push(invalid(`${path}.value`, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') pushInvalid(errors, `${path}.value`, value, labelValueProblems(value));
  else if (operator === '') errors.push(required(`${path}.operator`));
  else errors.push(notSupported(`${path}.operator`, operator, tolerationOperators));
  if (effect !== '' && !deviceTaintEffects.includes(effect)) {
    errors.push(notSupported(`${path}.effect`, effect, deviceTaintEffects));
  }
}

/** One device where nothing else is said. */
export function defaultDeviceClaim({ requests = [] }: DeviceClaim): void {
  for (const { exactly, firstAvailable = [] } of requests) {
    for (const request of [exactly, ...firstAvailable]) {
      if (!request) continue;
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= 'Equal';
    }
  }
}
