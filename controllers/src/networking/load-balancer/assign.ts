/** Pure: which addresses each Service of type LoadBalancer has. Older services come first; what one has it keeps. */
import { formatIp, type IpAddress, parseIp } from '@slipway/api/ip-address';
import { matcherOf } from '@slipway/api/selector';
import type { Service } from '@slipway/api/types';
import { type CheckedPool, firstFree, isInRange } from './pools.ts';

/** Addresses that the service wants, one of each family at most: `192.168.10.7,fd00::7`. */
export const addressesAnnotation = 'slipway.dev/load-balancer-ips';
/** The pool that they shall come from. */
export const poolAnnotation = 'slipway.dev/address-pool';

export interface World {
  readonly pools: readonly CheckedPool[];
  /** Labels of a namespace. */
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>>;
  /** Address → name of the node that has it. */
  readonly nodeAddresses: ReadonlyMap<string, string>;
}

export interface Assignment {
  readonly service: Service;
  readonly ips: readonly string[];
  /** Names of the pools that they are from. */
  readonly pools: readonly string[];
  /** Why an address is missing. */
  readonly problem: string | undefined;
}

type FamilyName = 'IPv4' | 'IPv6';

/** `services`: those that are to have addresses of ours. */
export function assignAddresses(services: readonly Service[], world: World): readonly Assignment[] {
  const sorted = services.toSorted(byAge);
  const holders = new Map<string, Service>();
  const kept = new Map<Service, Map<FamilyName, Found>>();
  for (const service of sorted) kept.set(service, keep(service, world, holders));
  return sorted.map((service) => complete(service, kept.get(service) ?? new Map(), world, holders));
}

interface Found {
  readonly ip: string;
  readonly pool: string;
}

/** What it has already, where that is still right. */
function keep(service: Service, world: World, holders: Map<string, Service>): Map<FamilyName, Found> {
  const found = new Map<FamilyName, Found>();
  const wanted = wantedOf(service);
  for (const { ip } of service.status?.loadBalancer?.ingress ?? []) {
    const address = ip === undefined ? undefined : parseIp(ip);
    if (!ip || !address) continue;
    const family = familyName(address);
    const isWanted = wanted.problem === undefined && (wanted.byFamily.get(family) ?? ip) === ip;
    const pool = poolsFor(service, world, true).find(({ ranges }) => ranges.some((range) => isInRange(range, address)));
    if (!pool || !isWanted || found.has(family) || holders.has(ip) || !familiesOf(service).includes(family)) continue;
    if (world.nodeAddresses.has(ip)) continue;
    holders.set(ip, service);
    found.set(family, { ip, pool: pool.pool.metadata.name ?? '' });
  }
  return found;
}

function complete(
  service: Service,
  kept: ReadonlyMap<FamilyName, Found>,
  world: World,
  holders: Map<string, Service>,
): Assignment {
  const found: Found[] = [];
  const problems: string[] = [];
  for (const family of familiesOf(service)) {
    const outcome = kept.get(family) ?? find(service, family, world, holders);
    if (typeof outcome === 'string') problems.push(outcome);
    else {
      holders.set(outcome.ip, service);
      found.push(outcome);
    }
  }
  const isEnough = found.length > 0 && service.spec.ipFamilyPolicy === 'PreferDualStack';
  return {
    service,
    ips: found.map(({ ip }) => ip),
    pools: [...new Set(found.map(({ pool }) => pool))],
    problem: isEnough ? undefined : problems[0],
  };
}

/** A text says why there is none. */
function find(
  service: Service,
  family: FamilyName,
  world: World,
  holders: ReadonlyMap<string, Service>,
): Found | string {
  const wanted = wantedOf(service);
  if (wanted.problem) return wanted.problem;
  const problem = poolProblem(service, world);
  if (problem) return problem;
  const text = wanted.byFamily.get(family);
  const pools = poolsFor(service, world, text !== undefined);
  if (text !== undefined) return findWanted(text, pools, world, holders);
  const isFree = (address: IpAddress) => {
    const ip = formatIp(address);
    return !holders.has(ip) && !world.nodeAddresses.has(ip);
  };
  for (const { pool, ranges } of pools) {
    for (const range of ranges) {
      const ip = `IPv${range.family}` === family ? firstFree(range, isFree) : undefined;
      if (ip) return { ip, pool: pool.metadata.name ?? '' };
    }
  }
  const names = pools.map(({ pool }) => pool.metadata.name);
  if (names.length > 0) return `no free ${family} address is left in AddressPool ${names.join(', ')}`;
  return 'no AddressPool gives addresses to it: make one, or name another load balancer in spec.loadBalancerClass';
}

function findWanted(
  text: string,
  pools: readonly CheckedPool[],
  world: World,
  holders: ReadonlyMap<string, Service>,
): Found | string {
  const address = parseIp(text);
  if (!address) return `the requested address "${text}" is no IP address`;
  const ip = formatIp(address);
  const pool = pools.find(({ ranges }) => ranges.some((range) => isInRange(range, address)));
  if (!pool) return `the requested address ${ip} is in no AddressPool that it may use`;
  const holder = holders.get(ip)?.metadata;
  if (holder) return `the requested address ${ip} is held by Service ${holder.namespace}/${holder.name}`;
  const node = world.nodeAddresses.get(ip);
  if (node) return `the requested address ${ip} is an address of Node ${node}`;
  return { ip, pool: pool.pool.metadata.name ?? '' };
}

function poolProblem({ metadata }: Service, { pools, labelsOf }: World): string | undefined {
  const name = metadata.annotations?.[poolAnnotation];
  if (name === undefined) return undefined;
  const found = pools.find(({ pool }) => pool.metadata.name === name);
  if (!found) return `AddressPool "${name}", which annotation ${poolAnnotation} names, is not there`;
  if (found.problem) return `AddressPool "${name}" is not used: ${found.problem.message}`;
  const { namespace = '' } = metadata;
  if (!mayUse(found, labelsOf(namespace))) return `AddressPool "${name}" is not for namespace ${namespace}`;
  return undefined;
}

/** `asks`: it names the address, or has it already. */
function poolsFor({ metadata }: Service, { pools, labelsOf }: World, asks: boolean): readonly CheckedPool[] {
  const name = metadata.annotations?.[poolAnnotation];
  const labels = labelsOf(metadata.namespace ?? '');
  return pools.filter(
    (checked) =>
      !checked.problem &&
      mayUse(checked, labels) &&
      (name === undefined ? asks || checked.pool.spec.autoAssign !== false : checked.pool.metadata.name === name),
  );
}

function mayUse({ pool }: CheckedPool, labels: Readonly<Record<string, string>>): boolean {
  const selector = pool.spec.namespaceSelector;
  return !selector || matcherOf(selector).matches(labels);
}

interface Wanted {
  readonly byFamily: ReadonlyMap<FamilyName, string>;
  readonly problem?: string;
}

function wantedOf({ metadata, spec }: Service): Wanted {
  const text = metadata.annotations?.[addressesAnnotation] ?? spec.loadBalancerIP ?? '';
  const byFamily = new Map<FamilyName, string>();
  for (const each of text.split(',').map((part) => part.trim())) {
    if (each === '') continue;
    const address = parseIp(each);
    if (!address) return { byFamily, problem: `the requested address "${each}" is no IP address` };
    if (byFamily.has(familyName(address))) {
      return { byFamily, problem: `annotation ${addressesAnnotation} names more than one address of a family` };
    }
    byFamily.set(familyName(address), formatIp(address));
  }
  const families = familiesOf({ metadata, spec } as Service);
  const other = [...byFamily].find(([family]) => !families.includes(family));
  if (!other) return { byFamily };
  return {
    byFamily,
    problem: `the requested address ${other[1]} is ${other[0]}, the Service is ${families.join(' and ')}`,
  };
}

const familyName = ({ family }: IpAddress): FamilyName => `IPv${family}`;

function familiesOf({ spec }: Service): readonly FamilyName[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  return families.length > 0 ? families : ['IPv4'];
}

function byAge(a: Service, b: Service): number {
  const [x, y] = [a, b].map(
    ({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`,
  );
  return (x ?? '') < (y ?? '') ? -1 : 1;
}
