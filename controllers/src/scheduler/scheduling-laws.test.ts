/** What holds in every cluster: random nodes, pods and histories from a seed. */
import type { Node, Pod } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import { ClusterState } from './cluster/cluster-state.ts';
import { defaultProfile } from './configuration/profile.ts';
import { NodeChecks } from './cycle/node-checks.ts';
import { schedule } from './cycle/schedule.ts';
import type { PendingPod, PodReader } from './pods/pod-info.ts';
import { Dice, randomNode, randomPod } from './testing/random-cluster.ts';
import { SmallCluster } from './testing/small-cluster.ts';

/** Everything that decides about the pod, by node: why not, and how many points. */
function opinionOf(pod: PendingPod, state: ClusterState): unknown {
  const checks = NodeChecks.prepare(pod, state, defaultProfile);
  if ('blocked' in checks) return checks;
  const nodes = [...state.nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  const feasible = nodes.filter((node) => !checks.reject(node));
  const contest = { pod, cluster: state, feasible, args: defaultProfile.args };
  const points = defaultProfile.scores.map(({ score }) => {
    if (score.isLocal) return feasible.map(score.prepare(pod, contest.args) ?? (() => 0));
    const out = new Float64Array(feasible.length);
    return score.score(contest, out) ? [...out] : 'alike';
  });
  return { reasons: nodes.map((node) => [node.name, checks.reject(node)?.reasons]), points };
}

/** A state that lived through a history, and what it should now be. */
class History {
  readonly cluster = new SmallCluster([]);
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, readonly [Pod, string]>();
  readonly nominated = new Map<string, readonly [Pod, string]>();
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  step(): void {
    const dice = this.#dice;
    const { state } = this.cluster;
    const name = `n${dice.below(12)}`;
    const what = dice.below(10);
    if (what < 3) this.#setNode(name);
    else if (what === 3) {
      this.nodes.delete(name);
      state.removeNode(name);
    } else if (what < 8) {
      const known = [...this.pods.values()];
      const pod = dice.chance(0.2) && known.length > 0 ? dice.of(known)[0] : randomPod(dice);
      this.pods.set(pod.metadata.uid ?? '', [pod, name]);
      this.cluster.place(pod, name);
    } else if (what === 8) {
      const [uid] = dice.of([...this.pods.keys()].map((key) => [key])) ?? [];
      if (uid === undefined) return;
      this.pods.delete(uid);
      state.removePod(uid);
    } else {
      if (dice.chance(0.5)) {
        for (const uid of this.nominated.keys()) state.nominations.delete(uid);
        this.nominated.clear();
      }
      const pod = randomPod(dice);
      this.nominated.set(pod.metadata.uid ?? '', [pod, name]);
      state.nominations.set(this.cluster.pending(pod), name);
    }
  }

  #setNode(name: string): void {
    const node = randomNode(this.#dice, name);
    this.nodes.set(name, node);
    this.cluster.state.setNode(node);
  }

  /** The same cluster, without its history. */
  anew(reader: PodReader): ClusterState {
    const state = new ClusterState();
    for (const node of this.nodes.values()) state.setNode(node);
    for (const [pod, name] of this.pods.values()) state.placePod(reader.placed(pod), name);
    for (const [pod, name] of this.nominated.values()) state.nominations.set(reader.pending(pod), name);
    return state;
  }
}

describe('laws of scheduling', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('a view kept by changes says what one made anew says (seed %i)', (seed) => {
    const dice = new Dice(seed);
    const history = new History(dice);
    const { reader, state } = history.cluster;
    for (let i = 0; i < 150; i++) {
      history.step();
      // Asking in between makes indexes that later steps have to keep.
      const pods = Array.from({ length: i % 25 === 24 ? 12 : 1 }, () => reader.pending(randomPod(dice)));
      const opinions = pods.map((pod) => opinionOf(pod, state));
      if (i % 25 !== 24) continue;
      const anew = history.anew(reader);
      expect(opinions).toEqual(pods.map((pod) => opinionOf(pod, anew)));
    }
  });

  it.each([1, 2, 3, 4])('never gives more than a node has, nor breaks what pods require (seed %i)', (seed) => {
    const dice = new Dice(100 + seed);
    const nodes = Array.from({ length: 12 }, (_, i) => randomNode(dice, `n${i}`));
    const cluster = new SmallCluster(nodes);
    const placed: (readonly [Pod, Node])[] = [];
    for (let i = 0; i < 120; i++) {
      const pod = { ...randomPod(dice) };
      delete pod.metadata.deletionTimestamp;
      const decision = cluster.schedule(pod);
      if (decision.outcome === 'misfit') continue;
      const node = nodes.find(({ metadata }) => metadata.name === decision.node.name) as Node;
      expect(brokenBy(pod, node, placed, nodes)).toEqual([]);
      cluster.place(pod, decision.node.name);
      placed.push([pod, node]);
    }
    expect(placed.length).toBeGreaterThan(10);
  });

  it.each([1, 2, 3, 4])('evicts only lesser pods, enough of them and none too many (seed %i)', (seed) => {
    const dice = new Dice(200 + seed);
    let plans = 0;
    for (let round = 0; round < 25; round++) {
      const cluster = new SmallCluster(Array.from({ length: 4 }, (_, i) => randomNode(dice, `n${i}`)));
      const pods = new Map<string, Pod>();
      for (let i = 0; i < 30; i++) {
        const pod = randomPod(dice);
        const decision = cluster.schedule(pod);
        if (decision.outcome === 'misfit') continue;
        cluster.place(pod, decision.node.name);
        pods.set(pod.metadata.uid ?? '', pod);
      }
      const pod = { ...randomPod(dice), spec: { ...randomPod(dice).spec, priority: 2 + dice.below(3) } };
      if (cluster.schedule(pod).outcome === 'fits') continue;
      const plan = cluster.preempt(pod);
      if (plan.outcome === 'none') continue;
      plans++;
      const { victims, node } = plan.candidate;
      expect(victims.every(({ demand }) => demand.priority < (pod.spec.priority ?? 0))).toBe(true);
      const fits = () => {
        const checks = NodeChecks.prepare(cluster.pending(pod), cluster.state, cluster.profile);
        return !('blocked' in checks) && checks.reject(node) === undefined;
      };
      for (const { uid } of victims) cluster.state.removePod(uid);
      expect(fits()).toBe(true);
      for (const { uid } of victims) {
        cluster.place(pods.get(uid) as Pod, node.name);
        expect(fits()).toBe(false);
        cluster.state.removePod(uid);
      }
    }
    expect(plans).toBeGreaterThan(0);
  });

  it('repeats itself with the same chance', () => {
    const run = () => {
      const dice = new Dice(7);
      const chance = seededRandom(3);
      const cluster = new SmallCluster(Array.from({ length: 20 }, (_, i) => randomNode(dice, `n${i}`)));
      return Array.from({ length: 50 }, () => {
        const pod = randomPod(dice);
        const decision = schedule(cluster.pending(pod), cluster.state, cluster.profile, chance);
        if (decision.outcome === 'misfit') return decision.message;
        cluster.place(pod, decision.node.name);
        return decision.node.name;
      });
    };
    expect(run()).toEqual(run());
  });
});

type Placed = readonly (readonly [Pod, Node])[];

const domainOf = (node: Node, key: string) => node.metadata.labels?.[key];
const isApp = (pod: Pod, term: { labelSelector?: { matchLabels?: Record<string, string> } | undefined }) =>
  pod.metadata.labels?.app === term.labelSelector?.matchLabels?.app;

/** The rules once more, written as plainly as can be: over all pods and all nodes. */
function brokenBy(pod: Pod, node: Node, placed: Placed, nodes: readonly Node[]): string[] {
  const broken: string[] = [];
  const here = placed.filter(([, other]) => other === node).map(([other]) => other);
  const cpu = [...here, pod].reduce((sum, { spec }) => sum + milliCpu(spec.containers[0]?.resources?.requests?.cpu), 0);
  if (cpu > milliCpu(node.status?.allocatable?.cpu)) broken.push('cpu');
  if (here.length + 1 > Number(node.status?.allocatable?.pods)) broken.push('pods');
  const tolerates = pod.spec.tolerations !== undefined;
  if (!tolerates && (node.spec.unschedulable || node.spec.taints?.some(({ effect }) => effect === 'NoSchedule')))
    broken.push('taint');
  if (pod.spec.nodeSelector && node.metadata.labels?.disk !== 'ssd') broken.push('selector');
  const isNear = (other: Node, key: string) =>
    domainOf(node, key) !== undefined && domainOf(other, key) === domainOf(node, key);
  const apartTerms = (of: Pod) =>
    of.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [other, where] of placed) {
    for (const term of apartTerms(pod)) if (isApp(other, term) && isNear(where, term.topologyKey)) broken.push('apart');
    for (const term of apartTerms(other))
      if (isApp(pod, term) && isNear(where, term.topologyKey)) broken.push('unwelcome');
  }
  for (const term of pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const wanted = placed.filter(
      ([other, where]) => isApp(other, term) && domainOf(where, term.topologyKey) !== undefined,
    );
    const isFirst = wanted.length === 0 && isApp(pod, term);
    if (!isFirst && !wanted.some(([, where]) => isNear(where, term.topologyKey))) broken.push('together');
  }
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable === 'DoNotSchedule' && isSkewed(pod, node, constraint, placed, nodes))
      broken.push('spread');
  }
  return broken;
}

function isSkewed(
  pod: Pod,
  node: Node,
  constraint: NonNullable<Pod['spec']['topologySpreadConstraints']>[number],
  placed: Placed,
  nodes: readonly Node[],
): boolean {
  const { topologyKey, maxSkew } = constraint;
  const counts = (other: Node) =>
    domainOf(other, topologyKey) !== undefined &&
    (!pod.spec.nodeSelector || other.metadata.labels?.disk === 'ssd') &&
    (constraint.nodeTaintsPolicy !== 'Honor' ||
      pod.spec.tolerations !== undefined ||
      !other.spec.taints?.some(({ effect }) => effect === 'NoSchedule'));
  const totals = new Map<string, number>();
  for (const other of nodes.filter(counts)) totals.set(domainOf(other, topologyKey) ?? '', 0);
  for (const [other, where] of placed) {
    const domain = domainOf(where, topologyKey) ?? '';
    if (counts(where) && isApp(other, constraint)) totals.set(domain, (totals.get(domain) ?? 0) + 1);
  }
  const own = totals.get(domainOf(node, topologyKey) ?? '') ?? 0;
  return own + (isApp(pod, constraint) ? 1 : 0) - Math.min(...totals.values()) > maxSkew;
}

function milliCpu(text = '0'): number {
  return text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000;
}
