import type { Namespace, NetworkPolicy, Pod } from '@slipway/api/types';
import { keyOf } from '@slipway/client/kinds';
import fc from 'fast-check';
import { PeerIndex } from './peer-index.ts';
import { planPolicies } from './plan-policies.ts';
import { Subjects } from './subjects.ts';
import { isLetThrough } from './testing/interpret-ruleset.ts';
import { type ClusterModel, isAllowed, type Packet } from './testing/naive-model.ts';
import { clusterArbitrary, packetArbitrary } from './testing/random-cluster.ts';

const ips = ['10.64.0.2', '10.64.0.3', '10.64.1.2', '10.64.1.3', 'fd00::5', 'fd00::6'];
const outside = '192.0.2.7';
const clusters = clusterArbitrary(ips, outside);
const packets = packetArbitrary([...ips, outside]);

/** A node that runs all the pods, told of everything by changes. */
class Node {
  readonly subjects = new Subjects();
  readonly peers = new PeerIndex();
  /** As the kernel has them, by changes alone. */
  readonly kernelSets = new Map<string, Set<string>>();
  #model: ClusterModel = { policies: [], pods: [], namespaces: [] };

  /** From what it knows to `next`, by differences alone. */
  follow(next: ClusterModel): void {
    const before = this.#model;
    this.subjects.changePolicies(changes(before.policies, next.policies));
    this.subjects.changePods(changes(before.pods, next.pods));
    this.peers.pods.apply(updates(before.pods, next.pods), 1n);
    this.peers.namespaces.apply(updates(before.namespaces, next.namespaces), 1n);
    this.#model = next;
  }

  lets(packet: Packet): boolean {
    const ruleset = planPolicies(this.subjects.list());
    this.peers.keep(ruleset.memberSets);
    this.#followSets(ruleset.memberSets);
    return isLetThrough(ruleset, (set) => this.kernelSets.get(set) ?? new Set(), packet);
  }

  #followSets(wanted: ReadonlyMap<string, unknown>): void {
    for (const name of this.kernelSets.keys()) if (!wanted.has(name)) this.kernelSets.delete(name);
    for (const [name, elements] of this.peers.drain()) {
      const set = this.kernelSets.get(name) ?? new Set();
      this.kernelSets.set(name, set);
      for (const [element, hasCome] of elements) {
        if (set.has(element) === hasCome) throw new Error(`${element} of ${name} did not change`);
        if (hasCome) set.add(element);
        else set.delete(element);
      }
    }
  }
}

function changes<T extends Pod | NetworkPolicy>(before: readonly T[], after: readonly T[]) {
  const old = new Map(before.map((each) => [keyOf(each), each]));
  const next = new Map(after.map((each) => [keyOf(each), each]));
  return [...new Set([...old.keys(), ...next.keys()])].map((key) => ({
    key,
    before: old.get(key),
    after: next.get(key),
  }));
}

function updates<T extends Pod | Namespace>(before: readonly T[], after: readonly T[]) {
  const next = new Set(after.map(keyOf));
  return [
    ...before.filter((each) => !next.has(keyOf(each))).map((object) => ({ object, gone: true })),
    ...after.map((object) => ({ object, gone: false })),
  ];
}

describe('the planned rules', () => {
  it('say what the documentation says, for any cluster and after any change of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(clusters, fc.array(packets, { minLength: 12, maxLength: 12 })), {
          minLength: 1,
          maxLength: 3,
        }),
        (steps) => {
          const node = new Node();
          for (const [cluster, asked] of steps) {
            node.follow(cluster);
            for (const packet of asked)
              expect([packet, node.lets(packet)]).toEqual([packet, isAllowed(cluster, packet)]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are asked about both answers', () => {
    const answers = fc.sample(fc.tuple(clusters, packets), { numRuns: 200, seed: 7 });
    const allowed = answers.filter(([cluster, packet]) => isAllowed(cluster, packet)).length;
    expect(allowed).toBeGreaterThan(40);
    expect(allowed).toBeLessThan(190);
  });
});
