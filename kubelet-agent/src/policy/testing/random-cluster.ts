/** Small clusters in which policies meet: few labels, so that selectors hit often. */
import type {
  LabelSelector,
  Namespace,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  Pod,
} from '@slipway/api/types';
import fc from 'fast-check';
import type { ClusterModel, Packet } from './naive-model.ts';

export const namespaceNames = ['ns-a', 'ns-b'];
export const portNumbers = [80, 81, 53, 8080];
const portNames = ['web', 'dns'];
const protocols = ['TCP', 'UDP'];

const labels = fc.record(
  { app: fc.constantFrom('a', 'b'), tier: fc.constantFrom('x', 'y') },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, string>>;

const selector: fc.Arbitrary<LabelSelector> = fc.oneof(
  fc.constant({}),
  labels.map((matchLabels) => ({ matchLabels })),
  fc.constantFrom<LabelSelector>(
    { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'c'] }] },
    { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] },
    { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
    { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
  ),
);

export function clusterArbitrary(ips: readonly string[], outside: string): fc.Arbitrary<ClusterModel> {
  const blocks: NetworkPolicyPeer['ipBlock'][] = [
    { cidr: '0.0.0.0/0' },
    { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', `${ips[0]}/32`] },
    { cidr: `${outside}/32` },
    { cidr: '10.0.0.0/8', except: [`${ips[0]}/32`, `${ips[1]}/31`] },
    { cidr: 'fd00::/8' },
  ];
  const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
    selector.map((podSelector) => ({ podSelector })),
    selector.map((namespaceSelector) => ({ namespaceSelector })),
    fc.record({ podSelector: selector, namespaceSelector: selector }),
    fc.constantFrom(...blocks).map((ipBlock) => ({ ipBlock }) as NetworkPolicyPeer),
  );
  const protocol = fc.constantFrom(...protocols);
  const port: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
    protocol.map((each) => ({ protocol: each })),
    fc.record({ protocol, port: fc.constantFrom(...portNumbers) }),
    fc.record({ protocol, port: fc.constantFrom<string>(...portNames) }),
    fc.record({ protocol, port: fc.constantFrom(53, 80), endPort: fc.constantFrom(80, 81) }),
  );
  const rule = fc.record({ peers: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 3 }) });
  const rules = fc.array(rule, { maxLength: 2 });
  const policy = fc.record({
    namespace: fc.constantFrom(...namespaceNames),
    podSelector: selector,
    policyTypes: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    ingress: rules,
    egress: rules,
  });
  return fc.record({
    policies: fc
      .array(policy, { maxLength: 4 })
      .map((list) => list.map(({ namespace, ...spec }, i) => policyFrom(`p${i}`, namespace, spec))),
    pods: fc.tuple(...ips.map((ip, i) => podArbitrary(`pod-${i}`, ip))),
    namespaces: fc
      .tuple(labels, labels)
      .map((lists) => lists.map((each, i): Namespace => namespaceFrom(namespaceNames[i] ?? '', each))),
  });
}

/** From and to addresses of one family. */
export function packetArbitrary(ips: readonly string[]): fc.Arbitrary<Packet> {
  const isIpv6 = (ip: string) => ip.includes(':');
  return fc
    .record({
      from: fc.constantFrom(...ips),
      to: fc.constantFrom(...ips),
      protocol: fc.constantFrom(...protocols),
      port: fc.constantFrom(...portNumbers, 443),
    })
    .filter(({ from, to }) => isIpv6(from) === isIpv6(to));
}

interface GeneratedSpec {
  readonly podSelector: LabelSelector;
  readonly policyTypes: readonly string[];
  readonly ingress: readonly { peers: NetworkPolicyPeer[]; ports: NetworkPolicyPort[] }[];
  readonly egress: readonly { peers: NetworkPolicyPeer[]; ports: NetworkPolicyPort[] }[];
}

function policyFrom(name: string, namespace: string, { podSelector, policyTypes, ...rules }: GeneratedSpec) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, uid: `uid-${name}` },
    spec: {
      podSelector,
      policyTypes: [...policyTypes],
      ingress: rules.ingress.map(({ peers, ports }) => ({ from: peers, ports })),
      egress: rules.egress.map(({ peers, ports }) => ({ to: peers, ports })),
    },
  } satisfies NetworkPolicy;
}

export function namespaceFrom(name: string, ofNamespace: Record<string, string>): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: ofNamespace }, spec: {} };
}

function podArbitrary(name: string, ip: string): fc.Arbitrary<Pod> {
  return fc
    .record({
      namespace: fc.constantFrom(...namespaceNames),
      labels,
      webPort: fc.constantFrom(80, 8080),
      phase: fc.oneof({ weight: 9, arbitrary: fc.constant('Running') }, fc.constantFrom('Succeeded', 'Failed')),
      hostNetwork: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    })
    .map(({ namespace, labels: own, webPort, phase, hostNetwork }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, uid: `uid-${name}`, labels: own },
      spec: {
        ...(hostNetwork ? { hostNetwork } : {}),
        containers: [
          {
            name: 'c',
            ports: [
              { name: 'web', containerPort: webPort },
              { name: 'dns', containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
      status: { phase, podIP: ip, podIPs: [{ ip }] },
    }));
}
