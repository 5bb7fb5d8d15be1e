/** What a claim of devices got, as the scheduler and the drivers write it into the claim's status. */
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from '../names.ts';
import { parseIp } from '../ip-address.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
} from '../types.ts';
import { validateConditions } from './conditions.ts';
import {
  isTooMany,
  refuseTwice,
  validateConfigurations,
  validateDeviceDriver,
  validateDeviceToleration,
  validateRawObject,
  validateRequestReference,
} from './device-claim.ts';
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
import { validateNodeSelectorTerm } from './pod-spec-scheduling.ts';

const resultsMax = 32;
/** Those of the class and those of the claim. */
const configurationsMax = 64;
const bindingConditionsMax = 4;
const statusConditionsMax = 8;
const poolNameMax = 253;
const dataMax = 10 * 1024;
const interfaceNameMax = 256;
const hardwareAddressMax = 128;
const addressesMax = 16;
const configurationSources = ['FromClaim', 'FromClass'];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface DeviceName {
  readonly driver?: string;
  readonly pool?: string;
  readonly device?: string;
  readonly shareID?: string;
}

/** How a device is told from all others, for comparing and as errors show it. */
function deviceId({ driver = '', pool = '', device = '', shareID }: DeviceName): string {
  return [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');
}

/** `names`: what the claim's requests are called by. */
export function validateAllocation(
  errors: FieldError[],
  { devices, nodeSelector }: AllocationResult,
  names: ReadonlySet<string>,
  path: string,
): void {
  const { results = [], config = [] } = devices ?? {};
  const resultsAt = `${path}.devices.results`;
  if (!isTooMany(errors, results, resultsMax, resultsAt)) {
    results.forEach((result, i) => {
      validateResult(errors, result, names, `${resultsAt}[${i}]`);
    });
  }
  const configAt = `${path}.devices.config`;
  if (config.length <= configurationsMax) validateSources(errors, config, configAt);
  validateConfigurations(errors, config, configAt, { limit: configurationsMax, names });
  if (!nodeSelector) return;
  const terms = nodeSelector.nodeSelectorTerms ?? [];
  const at = `${path}.nodeSelector.nodeSelectorTerms`;
  if (terms.length === 0) errors.push(required(at, 'must have at least one node selector term'));
  terms.forEach((term, i) => {
    validateNodeSelectorTerm(errors, term, `${at}[${i}]`);
  });
}

function validateSources(
  errors: FieldError[],
  configurations: readonly DeviceAllocationConfiguration[],
  path: string,
): void {
  configurations.forEach(({ source = '' }, i) => {
    if (source === '') errors.push(required(`${path}[${i}].source`));
    else if (!configurationSources.includes(source)) {
      errors.push(notSupported(`${path}[${i}].source`, source, configurationSources));
    }
  });
}

function validateResult(
  errors: FieldError[],
  result: DeviceRequestAllocationResult,
  names: ReadonlySet<string>,
  path: string,
): void {
  validateRequestReference(errors, result.request ?? '', names, `${path}.request`);
  validateDeviceName(errors, result, path);
  validateBinding(errors, result, path);
  result.tolerations?.forEach((toleration, i) => {
    validateDeviceToleration(errors, toleration, `${path}.tolerations[${i}]`);
  });
  if (result.shareID !== undefined) validateShare(errors, result.shareID, `${path}.shareID`);
}

function validateDeviceName(errors: FieldError[], { driver = '', pool = '', device = '' }: DeviceName, path: string) {
  validateDeviceDriver(errors, driver, `${path}.driver`);
  validateDevicePool(errors, pool, `${path}.pool`);
  pushInvalid(errors, `${path}.device`, device, dnsLabelProblems(device));
}

/** Subdomains with slashes between them. */
export function validateDevicePool(errors: FieldError[], pool: string, path: string): void {
  if (pool === '') {
    errors.push(required(path));
    return;
  }
  if (pool.length > poolNameMax) errors.push(tooLong(path, poolNameMax));
  for (const part of pool.split('/')) pushInvalid(errors, path, part, dnsSubdomainProblems(part));
}

function validateShare(errors: FieldError[], share: string, path: string): void {
  if (uuid.test(share)) return;
  const form = '`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
  errors.push(invalid(path, share, `uid must be in RFC 4122 normalized form, ${form}`));
}

/** What must come true before a pod is bound, and what says that it never will. */
function validateBinding(errors: FieldError[], result: DeviceRequestAllocationResult, path: string): void {
  const { bindingConditions: conditions = [], bindingFailureConditions: failures = [] } = result;
  const [conditionsAt, failuresAt] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  const both = [
    [conditions, conditionsAt],
    [failures, failuresAt],
  ] as const;
  for (const [list, at] of both) {
    if (isTooMany(errors, list, bindingConditionsMax, at)) return;
    list.forEach((condition, i) => {
      pushInvalid(errors, `${at}[${i}]`, condition, qualifiedNameProblems(condition));
    });
  }
  const seen = new Set<string>();
  conditions.forEach((condition, i) => {
    refuseTwice(errors, condition, seen, `${conditionsAt}[${i}]`);
  });
  const failed = new Set<string>();
  failures.forEach((condition, i) => {
    refuseTwice(errors, condition, failed, `${failuresAt}[${i}]`);
    if (seen.has(condition)) {
      const detail = 'bindingFailureConditions must not overlap with bindingConditions';
      errors.push(invalid(`${failuresAt}[${i}]`, condition, detail));
    }
  });
  if (conditions.length === 0 && failures.length > 0) {
    const detail = 'bindingConditions are required to use bindingFailureConditions';
    errors.push(invalid(conditionsAt, conditions, detail));
  }
  if (failures.length === 0 && conditions.length > 0) {
    const detail = 'bindingFailureConditions are required to use bindingConditions';
    errors.push(invalid(failuresAt, failures, detail));
  }
}

/** What drivers say about the devices, each of which must be one that the claim got. */
export function validateAllocatedDevices(
  errors: FieldError[],
  devices: readonly AllocatedDeviceStatus[] = [],
  allocation: AllocationResult | undefined,
  path: string,
): void {
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceId));
  devices.forEach((device, i) => {
    const at = `${path}[${i}]`;
    validateDeviceName(errors, device, at);
    if (device.shareID !== undefined) validateShare(errors, device.shareID, `${at}.shareID`);
    const id = deviceId(device);
    if (!allocated.has(id)) errors.push(invalid(at, id, 'must be an allocated device in the claim'));
    const { conditions = [], data, networkData } = device;
    if (conditions.length > statusConditionsMax) {
      errors.push(tooMany(`${at}.conditions`, conditions.length, statusConditionsMax));
    }
    validateConditions(errors, conditions, `${at}.conditions`);
    if (data !== undefined) validateRawObject(errors, data, dataMax, `${at}.data`);
    if (networkData) validateNetworkData(errors, networkData, `${at}.networkData`);
  });
  const seen = new Set<string>();
  devices.forEach((device, i) => {
    const id = deviceId(device);
    if (seen.has(id)) errors.push(duplicate(`${path}[${i}]`, id));
    seen.add(id);
  });
}

function validateNetworkData(errors: FieldError[], data: NetworkDeviceData, path: string): void {
  const { interfaceName = '', hardwareAddress = '', ips = [] } = data;
  if (interfaceName.length > interfaceNameMax) errors.push(tooLong(`${path}.interfaceName`, interfaceNameMax));
  if (hardwareAddress.length > hardwareAddressMax) {
    errors.push(tooLong(`${path}.hardwareAddress`, hardwareAddressMax));
  }
  if (isTooMany(errors, ips, addressesMax, `${path}.ips`)) return;
  const seen = new Set<string>();
  ips.forEach((address, i) => {
    const at = `${path}.ips[${i}]`;
    if (!isInterfaceAddress(address)) {
      const detail = "must be a valid address in CIDR form, (e.g. '192.168.9.8/24' or '2001:db8::1/64')";
      errors.push(invalid(at, address, detail));
    }
    refuseTwice(errors, address, seen, at);
  });
}

/** An address with the length of its network's prefix. */
function isInterfaceAddress(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  const ip = parseIp(address);
  if (!ip || more.length > 0 || !/^(0|[1-9][0-9]*)$/.test(length)) return false;
  return Number(length) <= (ip.family === 4 ? 32 : 128);
}
