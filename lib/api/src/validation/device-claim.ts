/** What a claim of devices asks for, in a ResourceClaim and in a template of one. */
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import type { DeviceClaim, DeviceRequest, DeviceSelector, ExactDeviceRequest } from '../types.ts';
import {
  type FieldError,
  duplicate,
  invalid,
  notFound,
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
const modes = ['All', 'ExactCount'];

export function validateSelectors(errors: FieldError[], selectors: readonly DeviceSelector[] = [], path: string): void {
  if (selectors.length > selectorsMax) errors.push(tooMany(path, selectors.length, selectorsMax));
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

export function validateConfigurations(
  errors: FieldError[],
  configurations: readonly Configuration[] = [],
  path: string,
): void {
  if (configurations.length > configMax) errors.push(tooMany(path, configurations.length, configMax));
  configurations.forEach(({ opaque }, i) => {
    const at = `${path}[${i}].opaque`;
    if (!opaque) {
      errors.push(required(at));
      return;
    }
    validateDeviceDriver(errors, opaque.driver ?? '', `${at}.driver`);
    if (opaque.parameters === undefined) errors.push(required(`${at}.parameters`));
  });
}

const driverMax = 63;

export function validateDeviceDriver(errors: FieldError[], driver: string, path: string): void {
  if (driver === '') errors.push(required(path));
  else pushInvalid(errors, path, driver, dnsSubdomainProblems(driver.toLowerCase()));
  if (driver.length > driverMax) errors.push(tooLong(path, driverMax));
}

export function validateDeviceClaim(errors: FieldError[], claim: DeviceClaim, path: string): void {
  const { requests = [], constraints = [], config = [] } = claim;
  if (requests.length > requestsMax) errors.push(tooMany(`${path}.requests`, requests.length, requestsMax));
  const names = new Set<string>();
  requests.forEach((request, i) => {
    const at = `${path}.requests[${i}]`;
    validateName(errors, request.name ?? '', names, `${at}.name`);
    validateRequest(errors, request, names, at);
  });
  if (constraints.length > configMax) errors.push(tooMany(`${path}.constraints`, constraints.length, configMax));
  constraints.forEach((constraint, i) => {
    const at = `${path}.constraints[${i}]`;
    validateNamed(errors, constraint.requests ?? [], names, `${at}.requests`);
    if (!constraint.matchAttribute && !constraint.distinctAttribute) errors.push(required(`${at}.matchAttribute`));
  });
  validateConfigurations(errors, config, `${path}.config`);
  config.forEach(({ requests: named = [] }, i) => {
    validateNamed(errors, named, names, `${path}.config[${i}].requests`);
  });
}

function validateName(errors: FieldError[], name: string, names: Set<string>, path: string): void {
  if (name === '') errors.push(required(path));
  else pushInvalid(errors, path, name, dnsLabelProblems(name));
  if (names.has(name)) errors.push(duplicate(path, name));
  names.add(name);
}

function validateNamed(errors: FieldError[], given: readonly string[], names: ReadonlySet<string>, path: string): void {
  given.forEach((name, i) => {
    if (!names.has(name)) {
      const { type, field, body } = notFound(`${path}[${i}]`, name);
      errors.push({ type, field, body: `${body}: must be the name of a request in the claim` });
    }
  });
}

function validateRequest(errors: FieldError[], request: DeviceRequest, names: Set<string>, path: string): void {
  const { exactly, firstAvailable = [], name } = request;
  if (exactly && firstAvailable.length > 0) {
    errors.push(
      invalid(path, undefined, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    );
  } else if (exactly) validateExact(errors, exactly, `${path}.exactly`);
  else if (firstAvailable.length === 0) {
    errors.push(required(path, 'exactly one of `exactly` or `firstAvailable` is required'));
  }
  if (firstAvailable.length > subRequestsMax) {
    errors.push(tooMany(`${path}.firstAvailable`, firstAvailable.length, subRequestsMax));
  }
  const own = new Set<string>();
  firstAvailable.forEach((subRequest, i) => {
    const at = `${path}.firstAvailable[${i}]`;
    validateName(errors, subRequest.name ?? '', own, `${at}.name`);
    names.add(`${name}/${subRequest.name}`);
    validateExact(errors, subRequest, at);
  });
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
