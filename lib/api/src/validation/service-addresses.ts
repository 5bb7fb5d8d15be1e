import { parseCidr, parseIp, ipProblems, isInBlock } from '../ip-address.ts';
import type { ServiceSpec } from '../types.ts';
import { type FieldError, duplicate, invalid, notSupported, pushInvalid } from './field-error.ts';

const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

export function validateClusterIps(errors: FieldError[], spec: ServiceSpec): void {
  const { ipFamilyPolicy: policy, ipFamilies = [], clusterIPs = [], clusterIP = '' } = spec;
  if (policy !== undefined && !familyPolicies.includes(policy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', policy, familyPolicies));
  }
  ipFamilies.forEach((family, i) => {
    if (!families.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, families));
    if (ipFamilies.indexOf(family) !== i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  });
  const path = 'spec.clusterIPs';
  if (clusterIPs.length > 2) errors.push(invalid(path, clusterIPs, 'may only hold up to 2 values'));
  if (clusterIP !== (clusterIPs[0] ?? '')) {
    errors.push(invalid(path, clusterIPs, 'first value must match `clusterIP`'));
  }
  if (clusterIPs.length > 1 && clusterIPs.includes('None')) {
    errors.push(invalid(path, clusterIPs, "'None' must be the first and only value"));
  } else if (clusterIPs[0] !== 'None') {
    clusterIPs.forEach((address, i) => {
      validateClusterIp(errors, address, ipFamilies[i], `${path}[${i}]`, i);
    });
  }
}

function validateClusterIp(
  errors: FieldError[],
  address: string,
  family: string | undefined,
  path: string,
  i: number,
): void {
  const parsed = parseIp(address);
  if (!parsed) pushInvalid(errors, path, address, ipProblems(address));
  else if (family !== undefined && family !== `IPv${parsed.family}`) {
    errors.push(invalid(path, address, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``));
  }
}

/** Addresses that mean something else on every machine. */
const specialBlocks = [
  ['127.0.0.0/8', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['::1/128', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['169.254.0.0/16', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['fe80::/10', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['224.0.0.0/24', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ['ff02::/16', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
] as const;
const special = specialBlocks.map(([cidr, detail]) => ({ block: parseCidr(cidr), detail }));

export function validateExternalIps(errors: FieldError[], addresses: readonly string[]): void {
  addresses.forEach((text, i) => {
    const path = `spec.externalIPs[${i}]`;
    if (parseIp(text)) validateNotSpecial(errors, text, path);
    else pushInvalid(errors, path, text, ipProblems(text));
  });
}

/** Nothing is said of what is no address at all. */
export function validateNotSpecial(errors: FieldError[], text: string, path: string): void {
  const address = parseIp(text);
  if (!address) return;
  if (address.value === 0n) errors.push(invalid(path, text, 'may not be unspecified (0.0.0.0 or ::)'));
  for (const { block, detail } of special) {
    if (block && isInBlock(block, address)) errors.push(invalid(path, text, detail));
  }
}
