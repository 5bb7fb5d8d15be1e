/**
 * Pure: which networks the annotations of a pod ask for. The short and the JSON form of the Network Plumbing Working Group's de-facto
 * standard (1.3), and what is ours: `aliases`, and addresses by the pod's number in its set.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { formatIp, parseIp } from '@slipway/api/ip-address';

export const networksAnnotation = 'k8s.v1.cni.cncf.io/networks';
export const defaultNetworkAnnotations = ['slipway.dev/default-network', 'v1.multus-cni.io/default-network'] as const;
export const addressesAnnotation = 'slipway.dev/addresses';
const indexLabels = ['apps.kubernetes.io/pod-index', 'batch.kubernetes.io/job-completion-index'];

/** One network that the pod joins. */
export interface NetworkElement {
  /** Where it stands, for messages: `annotation k8s.v1.cni.cncf.io/networks, element 2 (lan)`. */
  readonly place: string;
  readonly name: string;
  /** As written; the pod's own stands in for it. */
  readonly namespace: string | undefined;
  /** The interface in the pod; `net1`, `net2` ... by the place in the list otherwise. */
  readonly ifName: string;
  /** Asked for, with or without a prefix length. */
  readonly ips: readonly string[];
  readonly mac: string | undefined;
  /** Gateways of the pod's default route, which then leads into this network. */
  readonly defaultRoute: readonly string[];
  readonly portMappings: readonly SelectedPort[];
  readonly bandwidth: Readonly<Record<string, number>> | undefined;
  readonly cniArgs: Readonly<Record<string, unknown>> | undefined;
  /** Names of the pod in the network, for DNS. */
  readonly aliases: readonly string[];
}

export interface SelectedPort {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIP?: string;
}

export interface NetworkSelection {
  /** In place of the cluster network; undefined: the cluster network. */
  readonly first: NetworkElement | undefined;
  readonly others: readonly NetworkElement[];
}

export interface AnnotatedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The annotations of a pod that ask for networks; they mean nothing to one that has its node's. */
export function networkRequests(annotations: Readonly<Record<string, string>>): readonly string[] {
  return [networksAnnotation, ...defaultNetworkAnnotations].filter((name) => annotations[name]);
}

/** Names the annotation, the element and the field. */
export class SelectionError extends Error {
  override readonly name = 'SelectionError';
}

export const primaryInterface = 'eth0';
/** More would make a pod's start take seconds. */
const elementsMax = 32;
const interfaceNameMax = 15;
/** As many as the controller of aliases tells. */
const aliasesMax = 20;

/** Undefined when the pod asks for nothing but the cluster network. Throws `SelectionError`. */
export function networkSelection(pod: AnnotatedPod): NetworkSelection | undefined {
  const listed = pod.annotations[networksAnnotation] ?? '';
  const replaced = defaultNetworkAnnotations.flatMap((name) => {
    const text = pod.annotations[name];
    return text ? [{ name, text }] : [];
  });
  if (listed.trim() === '' && replaced.length === 0) {
    if (pod.annotations[addressesAnnotation] === undefined) return undefined;
    throw new SelectionError(
      `annotation ${addressesAnnotation} gives addresses in networks that the pod does not join: name them in the annotation ${networksAnnotation}`,
    );
  }
  const [own, other] = replaced;
  if (own && other && own.text !== other.text) {
    throw new SelectionError(`the annotations ${own.name} and ${other.name} name different networks`);
  }
  const first = own && onlyElement(parseElements(own.text, own.name), own.name);
  const others = parseElements(listed, networksAnnotation);
  const elements = withOrdinals([...(first ? [first] : []), ...others], pod);
  requireDifferentInterfaces(elements);
  return { first: first && elements[0], others: first ? elements.slice(1) : elements };
}

function onlyElement(elements: readonly NetworkElement[], annotation: string): NetworkElement {
  const [only, another] = elements;
  if (!only || another) throw new SelectionError(`annotation ${annotation} must name one network`);
  return { ...only, ifName: primaryInterface };
}

function parseElements(text: string, annotation: string): NetworkElement[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const raw = trimmed.startsWith('[') || trimmed.startsWith('{') ? jsonElements(trimmed, annotation) : undefined;
  const elements = raw
    ? raw.map((each, i) => elementFromJson(each, { annotation, i }))
    : trimmed.split(',').map((each, i) => elementFromShort(each.trim(), { annotation, i }));
  if (elements.length > elementsMax) {
    throw new SelectionError(
      `annotation ${annotation} has ${elements.length} networks, at most ${elementsMax} are possible`,
    );
  }
  return elements;
}

function jsonElements(text: string, annotation: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [parsed];
  } catch (error) {
    throw new SelectionError(`annotation ${annotation} is no valid JSON: ${(error as Error).message}`);
  }
}

interface At {
  readonly annotation: string;
  readonly i: number;
}

function placeOf({ annotation, i }: At, name: string): string {
  return `annotation ${annotation}, element ${i + 1}${name === '' ? '' : ` (${name})`}`;
}

const shortForm = /^(?:([^/@\s]+)\/)?([^/@\s]+)(?:@([^/@\s]+))?$/;

function elementFromShort(text: string, at: At): NetworkElement {
  const match = shortForm.exec(text);
  if (!match) {
    throw new SelectionError(`${placeOf(at, '')}: ${JSON.stringify(text)} is not of the form NAMESPACE/NAME@INTERFACE`);
  }
  const [, namespace, name = '', ifName] = match;
  return completed({ namespace, name, ifName }, at);
}

interface Parts {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly ifName?: string | undefined;
}

function completed(parts: Parts, at: At, rest: Partial<NetworkElement> = {}): NetworkElement {
  const { name, namespace, ifName = `net${at.i + 1}` } = parts;
  const place = placeOf(at, name);
  if (!isLabel(name)) throw new SelectionError(`${place}: name ${JSON.stringify(name)} is no DNS label`);
  if (namespace !== undefined && !isLabel(namespace)) {
    throw new SelectionError(`${place}: namespace ${JSON.stringify(namespace)} is no DNS label`);
  }
  if (ifName.length > interfaceNameMax || /[/:\s]/.test(ifName) || ['', '.', '..', 'lo'].includes(ifName)) {
    throw new SelectionError(`${place}: interface ${JSON.stringify(ifName)} cannot be the name of an interface`);
  }
  return {
    ips: [],
    mac: undefined,
    defaultRoute: [],
    portMappings: [],
    bandwidth: undefined,
    cniArgs: undefined,
    aliases: [],
    ...rest,
    place,
    name,
    namespace,
    ifName,
  };
}

function isLabel(text: string): boolean {
  // A NetworkAttachmentDefinition may have dots in its name.
  return text.length <= 253 && text.split('.').every((part) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(part));
}

const knownFields = [
  'name',
  'namespace',
  'interface',
  'ips',
  'mac',
  'default-route',
  'portMappings',
  'bandwidth',
  'cni-args',
  'aliases',
];

function elementFromJson(raw: unknown, at: At): NetworkElement {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new SelectionError(`${placeOf(at, '')} is not an object with a name`);
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  const name = typeof fields.name === 'string' ? fields.name : '';
  const place = placeOf(at, name);
  const unknown = Object.keys(fields).filter((key) => !knownFields.includes(key));
  if (unknown.length > 0) {
    throw new SelectionError(`${place}: ${unknown.join(', ')} is not supported; known are ${knownFields.join(', ')}`);
  }
  if (name === '') throw new SelectionError(`${place}: name is missing`);
  const text = (field: string) =>
    optional(fields, field, place, (value) => typeof value === 'string', 'a text') as string | undefined;
  const parts = { name, namespace: text('namespace'), ifName: text('interface') };
  return completed(parts, at, {
    ips: texts(fields, 'ips', place).map((ip) => requestedIp(ip, place)),
    mac: requestedMac(text('mac'), place),
    defaultRoute: texts(fields, 'default-route', place).map((ip) => gatewayIp(ip, place)),
    portMappings: ports(fields, place),
    bandwidth: optional(fields, 'bandwidth', place, isNumbers, 'an object of numbers') as Readonly<
      Record<string, number>
    >,
    cniArgs: optional(fields, 'cni-args', place, isObject, 'an object') as
      | Readonly<Record<string, unknown>>
      | undefined,
    aliases: aliasesIn(fields, place),
  });
}

function optional(
  fields: Readonly<Record<string, unknown>>,
  field: string,
  place: string,
  isRight: (value: unknown) => boolean,
  wanted: string,
): unknown {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (!isRight(value)) throw new SelectionError(`${place}: ${field} is not ${wanted}`);
  return value;
}

function texts(fields: Readonly<Record<string, unknown>>, field: string, place: string): readonly string[] {
  const isTexts = (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === 'string');
  return (optional(fields, field, place, isTexts, 'a list of texts') as readonly string[] | undefined) ?? [];
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): boolean {
  return isObject(value) && Object.values(value as object).every((each) => typeof each === 'number');
}

function requestedIp(text: string, place: string): string {
  const [ip = '', length] = text.split('/');
  const bits = isIPv4(ip) ? 32 : isIPv6(ip) ? 128 : -1;
  if (bits === -1 || (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= bits))) {
    throw new SelectionError(`${place}: ips: ${JSON.stringify(text)} is no IP address`);
  }
  return text;
}

function gatewayIp(text: string, place: string): string {
  if (isIPv4(text) || isIPv6(text)) return text;
  throw new SelectionError(`${place}: default-route: ${JSON.stringify(text)} is no IP address`);
}

function requestedMac(text: string | undefined, place: string): string | undefined {
  if (text === undefined) return undefined;
  const isGroup = (Number.parseInt(text.slice(0, 2), 16) & 1) === 1;
  if (/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text) && !isGroup && !/^[0:]+$/.test(text)) return text.toLowerCase();
  throw new SelectionError(`${place}: mac: ${JSON.stringify(text)} is no MAC address of one interface`);
}

function aliasesIn(fields: Readonly<Record<string, unknown>>, place: string): readonly string[] {
  const aliases = texts(fields, 'aliases', place).map((alias) => aliasName(alias, place));
  if (aliases.length <= aliasesMax) return aliases;
  throw new SelectionError(`${place}: aliases: ${aliases.length} names, at most ${aliasesMax} are possible`);
}

function aliasName(text: string, place: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new SelectionError(`${place}: aliases: ${JSON.stringify(text)} is no DNS label`);
}

function ports(fields: Readonly<Record<string, unknown>>, place: string): readonly SelectedPort[] {
  const list = optional(fields, 'portMappings', place, Array.isArray, 'a list') as readonly unknown[] | undefined;
  return (list ?? []).map((raw) => {
    const { hostPort, containerPort, protocol = 'tcp', hostIP } = (raw ?? {}) as Record<string, unknown>;
    const isPort = (port: unknown) => Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;
    const isProtocol = typeof protocol === 'string' && ['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase());
    if (!isPort(hostPort) || !isPort(containerPort) || !isProtocol) {
      throw new SelectionError(`${place}: portMappings needs hostPort, containerPort and protocol tcp, udp or sctp`);
    }
    return {
      hostPort: Number(hostPort),
      containerPort: Number(containerPort),
      protocol: String(protocol).toLowerCase(),
      ...(typeof hostIP === 'string' ? { hostIP } : {}),
    };
  });
}

function requireDifferentInterfaces(elements: readonly NetworkElement[]): void {
  const seen = new Map<string, NetworkElement>();
  for (const element of elements) {
    const same = seen.get(element.ifName);
    if (same) throw new SelectionError(`${element.place}: interface ${element.ifName} is that of ${same.name} already`);
    seen.set(element.ifName, element);
  }
  const first = elements[0];
  const taken = elements.find(({ ifName }) => ifName === primaryInterface);
  if (taken && taken !== first) throw eth0Taken(taken);
  if (taken?.place.startsWith(`annotation ${networksAnnotation}`)) throw eth0Taken(taken);
}

function eth0Taken({ place }: NetworkElement): SelectionError {
  return new SelectionError(
    `${place}: interface eth0 is the one of the cluster network; the annotation ${defaultNetworkAnnotations[0]} replaces it`,
  );
}

/**
 * `slipway.dev/addresses: "lan=10.5.0.10-10.5.0.19; office=10.6.0.4,10.6.0.9"`: of each network the address with the pod's number,
 * counted from 0, as StatefulSets and indexed Jobs number their pods.
 */
function withOrdinals(elements: readonly NetworkElement[], { annotations, labels }: AnnotatedPod): NetworkElement[] {
  const text = annotations[addressesAnnotation];
  if (text === undefined) return [...elements];
  const place = `annotation ${addressesAnnotation}`;
  const index = indexLabels.map((label) => labels[label]).find((value) => value !== undefined);
  if (index === undefined || !/^\d+$/.test(index)) {
    throw new SelectionError(
      `${place}: the pod has no number (label ${indexLabels[0]}): only pods of a StatefulSet or an indexed Job have one`,
    );
  }
  const byNetwork = new Map(
    text
      .split(';')
      .filter((part) => part.trim())
      .map((part) => parseOrdinals(part, place)),
  );
  const result = elements.map((element) => {
    const lists = byNetwork.get(element.name);
    if (!lists) return element;
    byNetwork.delete(element.name);
    return { ...element, ips: lists.map((list) => addressAt(list, Number(index), `${place}: ${element.name}`)) };
  });
  const [unused] = byNetwork.keys();
  if (unused === undefined) return result;
  throw new SelectionError(
    `${place}: the pod does not join the network ${unused}: name it in the annotation ${networksAnnotation}`,
  );
}

/** One list of ranges for each address family. */
type Ranges = readonly (readonly [from: string, to: string])[];

function parseOrdinals(part: string, place: string): readonly [string, readonly Ranges[]] {
  const [name = '', list = '', ...rest] = part.split('=').map((each) => each.trim());
  if (name === '' || list === '' || rest.length > 0) {
    throw new SelectionError(
      `${place}: ${JSON.stringify(part.trim())} is not of the form NETWORK=ADDRESS-ADDRESS,ADDRESS`,
    );
  }
  const ranges = list.split(',').map((each) => {
    const [from = '', to = from] = each.split('-').map((ip) => ip.trim());
    const [first, last] = [parseIp(from), parseIp(to)];
    if (!first || !last || first.family !== last.family || last.value < first.value) {
      throw new SelectionError(`${place}: ${JSON.stringify(each.trim())} is no address or range of addresses`);
    }
    return [from, to] as const;
  });
  const families = [ranges.filter(([from]) => isIPv4(from)), ranges.filter(([from]) => isIPv6(from))];
  return [name, families.filter((each) => each.length > 0)];
}

function addressAt(ranges: Ranges, index: number, place: string): string {
  let left = BigInt(index);
  let count = 0n;
  for (const [from, to] of ranges) {
    const [first, last] = [parseIp(from), parseIp(to)];
    if (!first || !last) continue;
    const size = last.value - first.value + 1n;
    if (left < size) return formatIp({ family: first.family, value: first.value + left });
    left -= size;
    count += size;
  }
  throw new SelectionError(
    `${place} has ${count} addresses, and the pod is number ${index}, counted from 0: add addresses or scale down`,
  );
}
