/** A device as a driver offers it in a ResourceSlice. */
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../names.ts';
import type { Device, DeviceAttribute, DeviceTaint } from '../types.ts';
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

const attributesAndCapacitiesMax = 32;
const taintsMax = 16;
const attributeValueMax = 64;
const domainMax = 63;
const identifierMax = 32;
export const deviceTaintEffects = ['NoExecute', 'NoSchedule', 'None'];
const placeFields = ['nodeName', 'nodeSelector', 'allNodes'] as const;

/** Names are compared by the caller, who knows the other devices. */
export function validateDevice(
  errors: FieldError[],
  device: Device,
  path: string,
  { hasOwnPlace }: { readonly hasOwnPlace: boolean },
): void {
  const { name = '', attributes = {}, capacity = {}, taints = [] } = device;
  pushInvalid(errors, `${path}.name`, name, dnsLabelProblems(name));
  const total = Object.keys(attributes).length + Object.keys(capacity).length;
  if (total > attributesAndCapacitiesMax) {
    const detail = `the total number of attributes and capacities must not exceed ${attributesAndCapacitiesMax}`;
    errors.push(invalid(path, total, detail));
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    validateDeviceKey(errors, key, `${path}.attributes`);
    validateAttribute(errors, attribute, `${path}.attributes[${key}]`);
  }
  for (const key of Object.keys(capacity)) validateDeviceKey(errors, key, `${path}.capacity`);
  if (taints.length > taintsMax) errors.push(tooMany(`${path}.taints`, taints.length, taintsMax));
  for (const [i, taint] of taints.entries()) validateTaint(errors, taint, `${path}.taints[${i}]`);
  validateConsumption(errors, device, path);
  validatePlace(errors, device, path, hasOwnPlace);
}

/** `NAME` or `DOMAIN/NAME`, the name an identifier as programming languages have it. */
export function validateDeviceKey(errors: FieldError[], key: string, path: string): void {
  const slash = key.indexOf('/');
  const [domain, name] = slash === -1 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  if (domain === '') errors.push(invalid(path, '', 'the domain must not be empty'));
  else if (domain !== undefined) {
    if (domain.length > domainMax) errors.push(tooLong(path, domainMax));
    pushInvalid(errors, path, domain, dnsSubdomainProblems(domain));
  }
  if (name === '') errors.push(required(path, 'name must not be empty'));
  else if (name.length > identifierMax) errors.push(tooLong(path, identifierMax));
  else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const rule =
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
    const usage =
      "(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";
    errors.push(invalid(path, name, `${rule} ${usage}`));
  }
}

const numericPart = '(?:0|[1-9]\\d*)';
const prereleasePart = '(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const version = new RegExp(
  `^${numericPart}\\.${numericPart}\\.${numericPart}(?:-${prereleasePart}(?:\\.${prereleasePart})*)?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$`,
);

function validateAttribute(errors: FieldError[], attribute: DeviceAttribute, path: string): void {
  const fields = Object.values(attribute).filter((value) => value !== undefined && value !== null).length;
  if (fields === 0) errors.push(required(path, 'exactly one value must be specified'));
  if (fields > 1) errors.push(invalid(path, attribute, 'exactly one value must be specified'));
  for (const text of [attribute.string ?? [], attribute.strings ?? []].flat()) {
    if (text.length > attributeValueMax) errors.push(tooLong(`${path}.string`, attributeValueMax));
  }
  for (const text of [attribute.version ?? [], attribute.versions ?? []].flat()) {
    if (!version.test(text)) {
      errors.push(invalid(`${path}.version`, text, 'must be a string compatible with semver.org spec 2.0.0'));
    }
    if (text.length > attributeValueMax) errors.push(tooLong(`${path}.version`, attributeValueMax));
  }
}

function validateTaint(errors: FieldError[], { key = '', value = '', effect = '' }: DeviceTaint, path: string): void {
  pushInvalid(errors, `${path}.key`, key, qualifiedNameProblems(key));
  if (value !== '') pushInvalid(errors, `${path}.value`, value, labelValueProblems(value));
  if (effect === '') errors.push(required(`${path}.effect`));
  else if (!deviceTaintEffects.includes(effect))
    errors.push(notSupported(`${path}.effect`, effect, deviceTaintEffects));
}

function validateConsumption(errors: FieldError[], { consumesCounters = [] }: Device, path: string): void {
  const known = new Set<string>();
  consumesCounters.forEach(({ counterSet = '', counters = {} }, i) => {
    const at = `${path}.consumesCounters[${i}]`;
    if (counterSet === '') errors.push(required(`${at}.counterSet`));
    else pushInvalid(errors, `${at}.counterSet`, counterSet, dnsLabelProblems(counterSet));
    if (known.has(counterSet)) errors.push(duplicate(at, counterSet));
    known.add(counterSet);
    if (Object.keys(counters).length === 0) errors.push(required(`${at}.counters`));
    for (const key of Object.keys(counters)) pushInvalid(errors, `${at}.counters`, key, dnsLabelProblems(key));
  });
}

/** Where the device is: said by the slice, or by each device. */
function validatePlace(errors: FieldError[], device: Device, path: string, hasOwnPlace: boolean): void {
  const given = placeFields.filter((field) => device[field] !== undefined);
  if (!hasOwnPlace) {
    if (given.length === 0) return;
    const detail =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    errors.push(invalid(path, null, detail));
    return;
  }
  const detail =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (device.nodeName) pushInvalid(errors, `${path}.nodeName`, device.nodeName, dnsSubdomainProblems(device.nodeName));
  if (given.length === 0) errors.push(required(path, detail));
  if (given.length > 1) {
    const list = given.map((field) => `\`${field}\``).join(', ');
    errors.push(invalid(path, `{${list}}`, detail));
  }
}
