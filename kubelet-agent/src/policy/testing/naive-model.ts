/**
 * NetworkPolicy as its documentation tells it, without any cleverness: walks everything for every question. What the rules say is
 * held against this.
 */
import { isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import { matcherOf } from '@slipway/api/selector';
import type { Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod } from '@slipway/api/types';

export interface ClusterModel {
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly Pod[];
  readonly namespaces: readonly Namespace[];
}

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number;
}

export function isAllowed(model: ClusterModel, packet: Packet): boolean {
  if (packet.from === packet.to) return true;
  const sender = podAt(model, packet.from);
  const receiver = podAt(model, packet.to);
  return passes(model, 'Egress', sender, packet) && passes(model, 'Ingress', receiver, packet);
}

function podAt({ pods }: ClusterModel, ip: string): Pod | undefined {
  return pods.find((pod) => isPeer(pod) && pod.status?.podIPs?.some((each) => each.ip === ip));
}

function isPeer(pod: Pod): boolean {
  return !pod.spec.hostNetwork && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';
}

function passes(model: ClusterModel, type: string, pod: Pod | undefined, packet: Packet): boolean {
  if (!pod) return true;
  const isolating = model.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace &&
      matcherOf(spec.podSelector ?? {}).matches(pod.metadata.labels) &&
      spec.policyTypes?.includes(type),
  );
  if (isolating.length === 0) return true;
  return isolating.some(({ metadata, spec }) => {
    const namespace = metadata.namespace ?? '';
    const rules =
      type === 'Ingress'
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    const other = type === 'Ingress' ? packet.from : packet.to;
    return rules.some(
      ({ peers, ports }) =>
        (!peers?.length || peers.some((peer) => isPeerAt(model, namespace, peer, other))) &&
        (!ports?.length || ports.some((port) => isPort(model, port, packet))),
    );
  });
}

function isPeerAt(model: ClusterModel, own: string, peer: NetworkPolicyPeer, ip: string): boolean {
  const address = parseIp(ip);
  if (peer.ipBlock) {
    const isInside = (text: string) => {
      const block = parseCidr(text);
      return block !== undefined && address !== undefined && isInBlock(block, address);
    };
    return isInside(peer.ipBlock.cidr ?? '') && !peer.ipBlock.except?.some(isInside);
  }
  const pod = podAt(model, ip);
  if (!pod) return false;
  const { namespace = '', labels } = pod.metadata;
  const ofNamespace = model.namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels;
  const isNamespace = peer.namespaceSelector
    ? ofNamespace !== undefined && matcherOf(peer.namespaceSelector).matches(ofNamespace)
    : namespace === own;
  return isNamespace && (peer.podSelector === undefined || matcherOf(peer.podSelector).matches(labels));
}

function isPort(model: ClusterModel, { protocol, port, endPort }: NetworkPolicyPort, packet: Packet): boolean {
  if ((protocol ?? 'TCP') !== packet.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return packet.port >= port && packet.port <= (endPort ?? port);
  const receiver = podAt(model, packet.to);
  return (receiver?.spec.containers ?? []).some(({ ports = [] }) =>
    ports.some(
      (each) =>
        each.name === port && (each.protocol ?? 'TCP') === packet.protocol && each.containerPort === packet.port,
    ),
  );
}
