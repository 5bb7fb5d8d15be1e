/** No pod sleeps through what helps it: long before the five minutes after which all are tried again. */
import type { Node, Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { Scheduler } from './scheduler.ts';
import { ClusterDouble } from './testing/cluster-double.ts';
import { Dice, randomNode, randomPod } from './testing/random-cluster.ts';
import { SmallCluster } from './testing/small-cluster.ts';

const longestBackoffMs = 10_000;

class World {
  readonly clock = new VirtualClock();
  readonly double = new ClusterDouble();
  readonly #dice: Dice;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#running = new Scheduler({
      sources: this.double.sources,
      client: new Client(this.double),
      recordEvent: () => {},
      clock: this.clock,
      random: seededRandom(1),
      log: silentLogger,
    }).run(this.#stopping.signal);
  }

  get nodes(): readonly Node[] {
    return this.double.sources.nodes.list();
  }

  get pods(): readonly Pod[] {
    return this.double.sources.pods.list();
  }

  step(): void {
    const dice = this.#dice;
    const what = dice.below(12);
    const running = this.pods.filter(({ spec }) => spec.nodeName);
    const node = this.nodes.length > 0 ? dice.of(this.nodes) : undefined;
    if (what < 5) this.double.addPods([alive(randomPod(dice)), alive(randomPod(dice))]);
    else if (what < 7) this.double.addNodes([randomNode(dice, `n${dice.below(5)}`)]);
    else if (what === 7 && node) this.double.removeNodes([node]);
    else if (what === 8 && running.length > 0) {
      const pod = dice.of(running);
      const labels = { app: dice.of(['web', 'db', 'job']) };
      this.double.addPods([{ ...pod, metadata: { ...pod.metadata, labels } }]);
    } else if (running.length > 0) this.double.removePods([dice.of(running)]);
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 6; i++) await this.clock.advance((2 * longestBackoffMs) / 6);
  }

  /** Pending pods that would get a node if anybody tried. */
  asleep(): string[] {
    const placed = this.pods.flatMap((pod) => (pod.spec.nodeName ? [[pod, pod.spec.nodeName] as const] : []));
    const pending = this.pods.filter(({ spec }) => !spec.nodeName);
    return pending.flatMap((pod) => {
      const decision = new SmallCluster(this.nodes, placed).schedule(pod);
      return decision.outcome === 'fits' ? [`${JSON.stringify(pod.spec)} on ${decision.node.name}`] : [];
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

/** These tests delete what they want gone. */
function alive(pod: Pod): Pod {
  const { deletionTimestamp: _, ...metadata } = pod.metadata;
  return { ...pod, metadata };
}

it.each([1, 2, 3, 4, 5, 6])('a pod that can run is bound when something makes that so (seed %i)', async (seed) => {
  const world = new World(new Dice(seed));
  let waited = 0;
  for (let round = 0; round < 60; round++) {
    world.step();
    if (round % 3 !== 2) continue;
    await world.settle();
    waited += world.pods.filter(({ spec }) => !spec.nodeName).length;
    expect(world.asleep()).toEqual([]);
  }
  await world.stop();
  expect(waited).toBeGreaterThan(0);
});
