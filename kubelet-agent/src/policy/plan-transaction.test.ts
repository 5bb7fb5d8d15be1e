import type { NetworkPolicy, NetworkPolicySpec, Pod } from '@slipway/api/types';
import { mergeRanges } from './compile-policy.ts';
import { PeerIndex } from './peer-index.ts';
import { planPolicies } from './plan-policies.ts';
import { type KernelState, type SetElement, planTransaction } from './plan-transaction.ts';
import type { PolicyRuleset } from './ruleset.ts';
import { Subjects } from './subjects.ts';
import { namespaceFrom } from './testing/random-cluster.ts';

const aPod = (name: string, ip: string, labels: Record<string, string>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, labels },
  spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080 }] }] },
  status: { phase: 'Running', podIPs: [{ ip }] },
});
const web = aPod('web', '10.64.0.2', { app: 'web' });
const friends = { podSelector: { matchLabels: { role: 'friend' } } };
const aPolicy = (name: string, spec: Partial<NetworkPolicySpec> = {}): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'ns' },
  spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [friends] }], ...spec },
});

/** A node with the pod `web`. */
class Node {
  readonly subjects = new Subjects();
  readonly peers = new PeerIndex();
  #kernel: KernelState = { kind: 'nothing' };
  #ruleset: PolicyRuleset | undefined;

  constructor(...policies: readonly NetworkPolicy[]) {
    this.peers.namespaces.replace([namespaceFrom('ns', {})], 1n);
    this.subjects.changePods([{ key: 'ns/web', before: undefined, after: web }]);
    for (const policy of policies) this.change(undefined, policy);
  }

  change(before: NetworkPolicy | undefined, after: NetworkPolicy | undefined): void {
    this.subjects.changePolicies([{ key: `ns/${(after ?? before)?.metadata.name}`, before, after }]);
    this.#ruleset = undefined;
  }

  apply(): string[] {
    const ruleset = this.#ruleset ?? planPolicies(this.subjects.list());
    this.#ruleset = ruleset;
    this.peers.keep(ruleset.memberSets);
    const memberChanges = this.peers.drain();
    const members = (set: string) => this.peers.elements(set);
    const transaction = planTransaction('t', this.#kernel, { ruleset, members, memberChanges });
    this.#kernel = { kind: 'applied', ruleset };
    if (transaction?.kind !== 'elements') return transaction?.script.trimEnd().split('\n') ?? [];
    const { add, remove } = transaction;
    const text = (verb: string, list: readonly SetElement[]) =>
      list.map(({ set, element }) => `${verb} ${set.replace(/-\w+/, '')} ${element}`);
    return [...text('-', remove), ...text('+', add)];
  }
}

describe('the transaction', () => {
  it('is one element when a pod elsewhere comes, goes, or gets another address', () => {
    const node = new Node(aPolicy('one'));
    node.apply();
    const [here, there] = [aPod('f', '10.64.1.7', { role: 'friend' }), aPod('f', '10.64.1.8', { role: 'friend' })];
    node.peers.pods.apply([{ object: here, gone: false }], 2n);
    expect(node.apply()).toEqual(['+ peers4 10.64.1.7']);
    node.peers.pods.apply([{ object: there, gone: false }], 3n);
    expect(node.apply()).toEqual(['- peers4 10.64.1.7', '+ peers4 10.64.1.8']);
    node.peers.pods.apply(
      [
        { object: there, gone: true },
        { object: here, gone: false },
        { object: here, gone: true },
      ],
      4n,
    );
    expect(node.apply()).toEqual(['- peers4 10.64.1.8']);
    node.peers.pods.apply([{ object: aPod('stranger', '10.64.1.9', { role: 'none' }), gone: false }], 5n);
    expect(node.apply()).toEqual([]);
  });

  it('lets policies with one selector share a set, and equal pods share a chain', () => {
    const node = new Node(
      aPolicy('one'),
      aPolicy('two', { ingress: [{ from: [friends], ports: [{ port: 80, protocol: 'TCP' }] }] }),
    );
    const lines = node.apply();
    expect(lines.filter((line) => line.startsWith('add set inet t peers4-'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('add chain inet t isolate-'))).toHaveLength(1);
    node.subjects.changePods([{ key: 'ns/twin', before: undefined, after: aPod('twin', '10.64.0.3', {}) }]);
    node.change(undefined, aPolicy('elsewhere', { podSelector: { matchLabels: { app: 'db' } } }));
    expect(node.apply()).toEqual([
      expect.stringMatching(/^add element inet t ingress4 \{ 10\.64\.0\.3 comment "ns\/twin" : jump isolate-\w+ \}$/),
      'add element inet t self4 { 10.64.0.3 . 10.64.0.3 }',
    ]);
  });

  it('takes away what nobody leads to any more, last', () => {
    const policy = aPolicy('one', { ingress: [{ from: [friends], ports: [{ port: 'web', protocol: 'TCP' }] }] });
    const node = new Node(policy);
    node.apply();
    node.change(policy, undefined);
    expect(node.apply().map((line) => line.replace(/-\w+/g, ''))).toEqual([
      'delete element inet t ingress4 { 10.64.0.2 }',
      'delete element inet t self4 { 10.64.0.2 . 10.64.0.2 }',
      'flush chain inet t policy',
      'flush chain inet t isolate',
      'delete chain inet t policy',
      'delete chain inet t isolate',
      'delete set inet t peers4',
      'delete set inet t own4',
    ]);
  });

  it('denies with no chain but the one that drops', () => {
    const lines = new Node(aPolicy('deny', { ingress: [] })).apply();
    expect(lines.filter((line) => /^add rule inet t (isolate|policy)-/.test(line))).toEqual([
      expect.stringMatching(/ counter drop$/),
    ]);
  });
});

describe('rules of a policy', () => {
  const rulesOf = (spec: Partial<NetworkPolicySpec>) =>
    new Node(aPolicy('p', spec))
      .apply()
      .flatMap((line) => /^add rule inet t policy-\w+ (.*) comment "ns\/p"$/.exec(line)?.[1] ?? []);

  it.each([
    [{ from: [], ports: [] }, ['accept']],
    [{ ports: [{ protocol: 'UDP' }] }, ['meta l4proto 17 accept']],
    [{ ports: [{ protocol: 'SCTP', port: 9 }] }, ['meta l4proto 132 th dport { 9 } accept']],
    [
      { ports: [{ port: 80 }, { port: 90, endPort: 99 }, { port: 95, endPort: 120 }, { port: 53, protocol: 'UDP' }] },
      ['meta l4proto 6 th dport { 80, 90-120 } accept', 'meta l4proto 17 th dport { 53 } accept'],
    ],
    [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }, ['accept']],
    [{ from: [{ ipBlock: { cidr: '::/0' } }] }, []],
    [
      { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.1.2.0/24', '10.9.0.0/16'] } }] },
      ['ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16, 10.9.0.0/16 } accept'],
    ],
  ] as const)('%j', (rule, expected) => {
    expect(rulesOf({ ingress: [rule as never] })).toEqual(expected);
  });

  it('join ranges that touch', () => {
    expect(
      mergeRanges([
        [5, 6],
        [1, 2],
        [3, 3],
        [6, 9],
      ]),
    ).toEqual([
      [1, 3],
      [5, 9],
    ]); // prettier-ignore
  });
});
