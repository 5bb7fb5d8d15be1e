import { ambiguousCidrProblems, cidrProblems, parseCidr } from '@slipway/api/ip-address';
import { portNameProblems, portNumberProblems } from '@slipway/api/names';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '@slipway/api/types';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  resource: descriptorOf('networking.k8s.io', 'v1', 'networkpolicies'),
  defaults(draft) {
    draft.spec ??= {} as NetworkPolicySpec;
    const { spec } = draft;
    spec.podSelector ??= {};
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of ports) port.protocol ??= 'TCP';
    }
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.spec, old.spec),
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateLabelSelector(errors, spec.podSelector, 'spec.podSelector');
    spec.ingress?.forEach(({ ports, from }, i) => {
      validateRule(errors, { ports, peers: from, field: 'from' }, `spec.ingress[${i}]`);
    });
    spec.egress?.forEach(({ ports, to }, i) => {
      validateRule(errors, { ports, peers: to, field: 'to' }, `spec.egress[${i}]`);
    });
    const types = spec.policyTypes ?? [];
    if (types.length > policyTypes.length) {
      errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'));
      return errors;
    }
    types.forEach((type, i) => {
      if (!policyTypes.includes(type)) errors.push(notSupported(`spec.policyTypes[${i}]`, type, policyTypes));
    });
    return errors;
  },
  validateCreate: (draft) => ambiguousBlocks(draft, new Set()),
  validateUpdate: (draft, old) => ambiguousBlocks(draft, new Set([...blocksOf(old)].map(([, text]) => text))),
};

/** Blocks that are known were stored when less was refused, and may stay. */
function ambiguousBlocks(policy: NetworkPolicy, known: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [path, text] of blocksOf(policy)) {
    if (!known.has(text)) pushInvalid(errors, path, text, ambiguousCidrProblems(text));
  }
  return errors;
}

/** Where each block is, and its text. */
function* blocksOf({ spec }: NetworkPolicy): Generator<readonly [path: string, text: string]> {
  const rules = [
    ...(spec.ingress ?? []).map(({ from }, i) => [`spec.ingress[${i}].from`, from] as const),
    ...(spec.egress ?? []).map(({ to }, i) => [`spec.egress[${i}].to`, to] as const),
  ];
  for (const [path, peers] of rules) {
    for (const [i, { ipBlock }] of (peers ?? []).entries()) {
      if (!ipBlock) continue;
      yield [`${path}[${i}].ipBlock.cidr`, ipBlock.cidr ?? ''];
      for (const [j, text] of (ipBlock.except ?? []).entries()) yield [`${path}[${i}].ipBlock.except[${j}]`, text];
    }
  }
}

interface Rule {
  readonly ports: readonly NetworkPolicyPort[] | undefined;
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  readonly field: 'from' | 'to';
}

function validateRule(errors: FieldError[], { ports = [], peers = [], field }: Rule, path: string): void {
  ports.forEach((port, i) => {
    validatePort(errors, port, `${path}.ports[${i}]`);
  });
  peers.forEach((peer, i) => {
    validatePeer(errors, peer, `${path}.${field}[${i}]`);
  });
}

function validatePort(errors: FieldError[], { protocol, port, endPort }: NetworkPolicyPort, path: string): void {
  if (protocol !== undefined && !protocols.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  }
  if (typeof port === 'number') {
    pushInvalid(errors, `${path}.port`, port, portNumberProblems(port));
    if (endPort === undefined) return;
    if (endPort < port) {
      errors.push(invalid(`${path}.endPort`, endPort, 'must be greater than or equal to `port`'));
    }
    pushInvalid(errors, `${path}.endPort`, endPort, portNumberProblems(endPort));
  } else if (port === undefined) {
    if (endPort === undefined) return;
    errors.push(invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified'));
  } else {
    if (endPort !== undefined) {
      errors.push(invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
    }
    pushInvalid(errors, `${path}.port`, port, portNameProblems(port));
  }
}

function validatePeer(errors: FieldError[], peer: NetworkPolicyPeer, path: string): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  validateLabelSelector(errors, podSelector, `${path}.podSelector`);
  validateLabelSelector(errors, namespaceSelector, `${path}.namespaceSelector`);
  if (ipBlock) validateBlock(errors, ipBlock, `${path}.ipBlock`);
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(path, 'must specify a peer'));
  else if (ipBlock && (podSelector || namespaceSelector)) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
}

function validateBlock(
  errors: FieldError[],
  { cidr = '', except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>,
  path: string,
): void {
  if (cidr === '') {
    errors.push(required(`${path}.cidr`));
    return;
  }
  pushInvalid(errors, `${path}.cidr`, cidr, cidrProblems(cidr));
  const block = parseCidr(cidr);
  except.forEach((text, i) => {
    const at = `${path}.except[${i}]`;
    pushInvalid(errors, at, text, cidrProblems(text));
    const part = parseCidr(text);
    if (!block || !part) return;
    const isInside = part.family === block.family && part.base >= block.base && part.base < block.base + block.size;
    if (!isInside || part.prefixLength <= block.prefixLength) {
      errors.push(invalid(at, text, 'must be a strict subset of `cidr`'));
    }
  });
}
